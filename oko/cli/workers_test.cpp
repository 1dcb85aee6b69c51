// Several workers as a launcher starts them: processes of the real program on the loopback device.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <map>
#include <optional>
#include <thread>

#include "oko/base/clock.h"
#include "oko/train/test_run.h"

namespace oko::train {
namespace {

using testing::HasSubstr;

constexpr int kWorkerLostCode = 5, kInterruptedCode = 130;
constexpr double kPatience = 60;  // seconds, on a busy machine

void sleep_briefly() { std::this_thread::sleep_for(std::chrono::milliseconds(10)); }

int free_port() {
  const int file = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const general = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(::bind(file, general, size), 0);
  EXPECT_EQ(::getsockname(file, general, &size), 0);
  ::close(file);
  return ntohs(address.sin_port);
}

// A process of `oko train`. Killed when it goes out of scope.
class Process {
 public:
  Process(const std::vector<std::string>& arguments, std::map<std::string, std::string> environment,
          std::string output)
      : output_(std::move(output)) {
    std::vector<std::string> words{OKO_COMMANDS, "train"}, variables;
    words.insert(words.end(), arguments.begin(), arguments.end());
    environment.insert({{"OMP_WAIT_POLICY", "PASSIVE"}, {"PATH", "/usr/bin:/bin"}});
    for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output_.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    EXPECT_EQ(::posix_spawn(&id_, OKO_COMMANDS, &actions, nullptr, pointers(words).data(),
                            pointers(variables).data()),
              0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Process() {
    if (code_) return;
    send(SIGKILL);
    wait();
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void send(int signal) const { ::kill(id_, signal); }
  bool has_ended() {
    int status = 0;
    if (!code_ && ::waitpid(id_, &status, WNOHANG) == id_) {
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    return code_.has_value();
  }
  // Its exit code, or minus the signal that ended it; -999 if it does not end.
  int wait() {
    for (const auto start = Clock::now(); !has_ended(); sleep_briefly()) {
      if (seconds_since(start) > kPatience) return -999;
    }
    return *code_;
  }
  std::string printed() const { return storage::read_text(output_); }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
  }

  const std::string output_;
  pid_t id_ = 0;
  std::optional<int> code_;
};

class WorkersTest : public Training {
 protected:
  // Four updates an epoch, of batches that two workers share unequally.
  Recipe shared(int epochs, bool batch_norm) {
    Recipe r = recipe(epochs);
    std::string cfg = tiny_cfg();
    while (!batch_norm && cfg.find("batch_normalize=1\n") != std::string::npos) {
      cfg.erase(cfg.find("batch_normalize=1\n"), 18);
    }
    r.network = folder_ / (batch_norm ? "norm.cfg" : "plain.cfg");
    storage::write(r.network, cfg);
    r.batch = 5;
    r.mixup = .3;
    r.sync_batch_norm = batch_norm;
    r.checkpoint_minutes = 1e5;
    r.loader_threads = 1;
    return r;
  }

  std::unique_ptr<Process> start(int rank, int size, const std::string& name,
                                 std::vector<std::string> arguments,
                                 std::map<std::string, std::string> environment = {}) {
    // The others could not write there.
    arguments.insert(arguments.end(), {"--out", rank == 0 ? place(name) : "/dev/null/nothing"});
    environment.insert({{"RANK", std::to_string(rank)},
                        {"WORLD_SIZE", std::to_string(size)},
                        {"MASTER_ADDR", "127.0.0.1"},
                        {"MASTER_PORT", std::to_string(port_)}});
    return std::make_unique<Process>(arguments, environment,
                                     folder_ / fmt::format("{}.{}.txt", name, rank));
  }

  // Flags for a run of this recipe.
  std::vector<std::string> begin(const Recipe& r) {
    const std::string uri = folder_ / "recipe.toml";
    storage::write(uri, to_toml(r));
    return {"--recipe", uri};
  }

  void train_with(int workers, const Recipe& r, const std::string& name) {
    std::vector<std::unique_ptr<Process>> all;
    for (int rank = 0; rank < workers; ++rank) {
      all.push_back(start(rank, workers, name, begin(r)));
    }
    for (const auto& worker : all) ASSERT_EQ(worker->wait(), 0) << worker->printed();
  }

  void wait_for_step(const std::string& name, int step, const Process& worker) {
    const std::string log = storage::join(place(name), "log.jsonl");
    for (const auto start = Clock::now(); seconds_since(start) < kPatience; sleep_briefly()) {
      if (!storage::exists(log)) continue;
      if (storage::read_text(log).find(fmt::format("\"step\":{},", step)) != std::string::npos) {
        return;
      }
    }
    FAIL() << worker.printed();
  }

  void expect_close(const std::string& name, const std::string& other, double tolerance) {
    const auto steps = events(name, "step"), others = events(other, "step");
    ASSERT_EQ(steps.size(), others.size());
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const double loss = steps[i]["loss"];
      EXPECT_NEAR(loss, others[i]["loss"], tolerance * loss) << "step " << i + 1;
    }
  }

  const int port_ = free_port();
};

TEST_F(WorkersTest, TwoHaveTheLossesOfOne) {
  const Recipe r = shared(13, false);
  train_with(1, r, "one");
  train_with(2, r, "two");
  EXPECT_EQ(events("two", "step").size(), 52U);
  expect_close("one", "two", 1e-5);
  const auto epochs = events("one", "epoch"), others = events("two", "epoch");
  ASSERT_EQ(epochs.size(), others.size());
  EXPECT_EQ(epochs.back()["map50"], others.back()["map50"]);
}

TEST_F(WorkersTest, TwoWithSynchronizedBatchNormHaveTheLossesAndScoreOfOne) {
  const Recipe r = shared(8, true);
  train_with(1, r, "one");
  train_with(2, r, "two");
  expect_close("one", "two", 1e-4);
  const auto epochs = events("one", "epoch"), others = events("two", "epoch");
  ASSERT_EQ(epochs.size(), others.size());
  EXPECT_GT(epochs.back()["map50"], 0);
  EXPECT_EQ(epochs.back()["map50"], others.back()["map50"]);
  EXPECT_NEAR(epochs.back()["map"], others.back()["map"], 1e-4);
}

TEST_F(WorkersTest, ASignalToOneStopsBothAndTheRunResumesExactly) {
  Recipe r = shared(6, true);
  train_with(2, r, "whole");
  auto first = start(0, 2, "parts", begin(r)), second = start(1, 2, "parts", begin(r));
  wait_for_step("parts", 6, *first);
  second->send(SIGTERM);
  EXPECT_EQ(second->wait(), kInterruptedCode) << second->printed();
  EXPECT_EQ(first->wait(), kInterruptedCode) << first->printed();
  first = start(0, 2, "parts", {"--resume"});
  // What the others are given: the dataset, which may be somewhere else on their machine.
  second = start(1, 2, "parts", {"--resume"});
  ASSERT_EQ(second->wait(), 0) << second->printed();
  ASSERT_EQ(first->wait(), 0) << first->printed();
  expect_same(newest("whole").network.weights, newest("parts").network.weights);
  expect_same(newest("whole").extra, newest("parts").extra);
  expect_close("whole", "parts", 0);
}

TEST_F(WorkersTest, AKilledWorkerEndsTheOtherAndTheRunGoesOnWithout) {
  const Recipe r = shared(20, false);
  auto first = start(0, 2, "run", begin(r)), second = start(1, 2, "run", begin(r));
  wait_for_step("run", 9, *first);
  second->send(SIGKILL);
  EXPECT_EQ(second->wait(), -SIGKILL);
  const auto killed = Clock::now();
  EXPECT_EQ(first->wait(), kWorkerLostCode) << first->printed();
  EXPECT_LT(seconds_since(killed), 10);
  EXPECT_THAT(first->printed(), HasSubstr("worker 1 of 2: is gone"));
  EXPECT_THAT(first->printed(), HasSubstr("checkpoint written: "));
  const std::int64_t lost_at = newest("run").position.step;
  EXPECT_GE(lost_at, 9);

  first = start(0, 2, "run", {"--resume", "--join-seconds", "1"}, {{"OKO_RESTART", "1"}});
  wait_for_step("run", static_cast<int>(lost_at) + 4, *first);
  first->send(SIGTERM);
  EXPECT_EQ(first->wait(), kInterruptedCode) << first->printed();
  EXPECT_THAT(first->printed(), HasSubstr("no other worker has come"));

  train_with(1, shared(20, false), "one");
  const auto steps = events("run", "step"), others = events("one", "step");
  ASSERT_GE(others.size(), steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double loss = steps[i]["loss"];
    EXPECT_NEAR(loss, others[i]["loss"], 1e-5 * loss) << "step " << i + 1;
  }
}

TEST_F(WorkersTest, WorkersThatDifferAreRefusedByName) {
  const Recipe r = shared(2, false);
  auto first = start(0, 2, "rates", begin(r));
  std::vector<std::string> other = begin(r);
  other.insert(other.end(), {"--rate", "0.5"});
  auto second = start(1, 2, "rates", other);
  for (Process* worker : {first.get(), second.get()}) {
    EXPECT_EQ(worker->wait(), 2);
    EXPECT_THAT(worker->printed(), HasSubstr("worker 1 of 2 has --rate 0.5, worker 0 has 0.005"));
  }
  EXPECT_FALSE(storage::exists(place("rates")));

  make_squares(folder_ / "fewer", {19, 8});
  first = start(0, 2, "other", begin(r));
  other = begin(r);
  other.push_back(folder_ / "fewer");
  second = start(1, 2, "other", other);
  for (Process* worker : {first.get(), second.get()}) {
    EXPECT_EQ(worker->wait(), 2);
    EXPECT_THAT(worker->printed(), HasSubstr("19 images with 19 boxes, worker 0 has 20"));
  }
}

TEST_F(WorkersTest, TheErrorOfOneEndsTheOther) {
  const Recipe r = shared(2, false);
  const std::string copy = make_squares(folder_ / "copy");
  auto first = start(0, 2, "run", begin(r));
  storage::write(storage::join(copy, "images/train/03.png"), "not an image");
  std::vector<std::string> other = begin(r);
  other.push_back(copy);
  auto second = start(1, 2, "run", other);
  EXPECT_EQ(second->wait(), 3) << second->printed();
  EXPECT_EQ(first->wait(), 3);
  EXPECT_THAT(first->printed(), HasSubstr("worker 1 of 2: "));
  EXPECT_THAT(first->printed(), HasSubstr("03.png"));
}

TEST_F(WorkersTest, AWorkerThatDoesNotComeIsNamed) {
  std::vector<std::string> arguments = begin(shared(2, false));
  arguments.insert(arguments.end(), {"--join-seconds", "1"});
  auto first = start(0, 3, "run", arguments), second = start(1, 3, "run", arguments);
  EXPECT_EQ(first->wait(), kWorkerLostCode);
  EXPECT_THAT(first->printed(), HasSubstr("worker 2 of 3 did not come; at least 3 are needed"));
  EXPECT_EQ(second->wait(), kWorkerLostCode) << second->printed();
}

}  // namespace
}  // namespace oko::train

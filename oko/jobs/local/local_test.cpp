#include <csignal>
#include <thread>

#include "oko/base/error.h"
#include "oko/jobs/process.h"
#include "oko/jobs/test_jobs.h"

namespace oko::jobs {
namespace {

using ::testing::HasSubstr;

class LocalBackend : public Jobs {
 protected:
  void SetUp() override {
    Jobs::SetUp();
    std::filesystem::create_directories(file("registry/roses-1"));
  }
  void TearDown() override {
    ::unsetenv("OKO_PROGRAM");
    Jobs::TearDown();
  }
  Json submit(const std::string& body, int workers = 1) {
    ::setenv("OKO_PROGRAM", script("oko", body).c_str(), 1);
    spec_ = spec();
    spec_.resources.workers = workers;
    const auto folder = open_folder(spec_.folder);
    NoProgress progress;
    return backend_.submit(spec_, *folder, progress);
  }
  Observation::Phase wait_for_end(const Json& engine) const {
    for (int i = 0; i < 500; ++i) {
      if (backend_.observe(spec_, engine).phase != Observation::Phase::kRunning) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return backend_.observe(spec_, engine).phase;
  }

  const Backend& backend_ = backend_named("local");
  Spec spec_;
};

TEST_F(LocalBackend, StartsTheWorkerInASessionOfItsOwn) {
  const Json engine = submit("echo \"$*\" > " + file("words") + "; ps -o sid= -p $$ > " +
                             file("session") + "; echo bad >&2");
  EXPECT_EQ(wait_for_end(engine), Observation::Phase::kEnded);
  EXPECT_EQ(text("words"), "job run " + file("job") + "\n");
  EXPECT_NE(std::stoi(text("session")), ::getsid(0));
  EXPECT_EQ(backend_.engine_log(spec_, engine, 10), "bad\n");
}

TEST_F(LocalBackend, CancelSignalsOnlyItsOwnProcess) {
  const Json engine = submit("trap 'exit 0' TERM; while :; do sleep .05; done");
  EXPECT_EQ(backend_.observe(spec_, engine).phase, Observation::Phase::kRunning);
  Json other = engine;
  other["processes"][0]["started"] = 1U;  // the number is another process's by now
  backend_.cancel(spec_, other);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(backend_.observe(spec_, engine).phase, Observation::Phase::kRunning);
  backend_.cancel(spec_, engine);
  EXPECT_EQ(wait_for_end(engine), Observation::Phase::kEnded);
  backend_.cancel(spec_, engine);  // is no error
}

TEST_F(LocalBackend, StartsSeveralWorkersThatFindEachOther) {
  const Json engine =
      submit("echo $RANK $WORLD_SIZE $MASTER_ADDR $LOCAL_RANK > " + file("w$RANK"), 2);
  EXPECT_EQ(wait_for_end(engine), Observation::Phase::kEnded);
  EXPECT_EQ(text("w0"), "0 2 127.0.0.1 0\n");
  EXPECT_EQ(text("w1"), "1 2 127.0.0.1 1\n");
}

TEST_F(LocalBackend, IsUnreachableFromAnotherMachine) {
  Json engine = submit("exit 0");
  engine["host"] = "elsewhere";
  EXPECT_EQ(backend_.observe(spec_, engine).phase, Observation::Phase::kUnreachable);
  EXPECT_THROW(backend_.cancel(spec_, engine), Error);
}

TEST_F(LocalBackend, RefusesWhatOnlyRentedMachinesHave) {
  Spec spec = this->spec();
  spec.resources.machine = "n1-standard-8";
  EXPECT_THROW(backend_.check(spec), Error);
  EXPECT_THAT(backend_.preview(this->spec()), HasSubstr("job run " + file("job")));
}

}  // namespace
}  // namespace oko::jobs

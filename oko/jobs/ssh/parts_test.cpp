#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <sstream>

#include "oko/base/command.h"
#include "oko/base/error.h"
#include "oko/jobs/process.h"
#include "oko/jobs/ssh/connection.h"
#include "oko/jobs/ssh/host.h"
#include "oko/jobs/ssh/machine.h"
#include "oko/jobs/ssh/worker.h"

namespace oko::jobs::ssh {
namespace {

using testing::HasSubstr;

template <typename Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ParseHosts, TakesWhatSshTakes) {
  const auto hosts =
      parse_hosts("gpu-box,root@10.0.0.7:2222,[fe80::1%eth0]:22,me@[::1],user@corp@a.b");
  ASSERT_EQ(hosts.size(), 5U);
  EXPECT_EQ(hosts[0], (Host{"gpu-box", 0}));
  EXPECT_EQ(hosts[1], (Host{"root@10.0.0.7", 2222}));
  EXPECT_EQ(hosts[2], (Host{"fe80::1%eth0", 22}));
  EXPECT_EQ(hosts[3], (Host{"me@::1", 0}));
  EXPECT_EQ(hosts[4], (Host{"user@corp@a.b", 0}));
  EXPECT_EQ(hosts[1].text(), "root@10.0.0.7:2222");
  EXPECT_EQ(hosts[2].text(), "[fe80::1%eth0]:22");
  EXPECT_EQ(hosts[3].text(), "me@[::1]");
}

TEST(ParseHosts, RejectsWhatSshWouldTakeForSomethingElse) {
  for (const char* list : {"",
                           "a,",
                           ",a",
                           "-oProxyCommand=touch /tmp/x",
                           "me@-oProxyCommand=x",
                           "@a",
                           "a b",
                           "a;b",
                           "$(id)",
                           "a`id`",
                           "a\nb",
                           "a\"b",
                           "a:0",
                           "a:65536",
                           "a:2x",
                           "a:",
                           "::1",
                           "[::1",
                           "[::1]22",
                           "[]:22",
                           "a/b",
                           "me@",
                           "a\xff"}) {
    EXPECT_THAT(error_of([&] { parse_hosts(list); }), HasSubstr("--hosts")) << list;
  }
  EXPECT_THROW(parse_hosts(std::string(300, 'a')), Error);
  std::string many = "a";
  for (int i = 0; i < 300; ++i) many += ",a";
  EXPECT_THROW(parse_hosts(many), Error);
}

TEST(CheckedRemotePath, IsAbsoluteOrBelowHome) {
  EXPECT_EQ(checked_remote_path("~/a b/", "--f"), "a b");
  EXPECT_EQ(checked_remote_path("/workspace", "--f"), "/workspace");
  EXPECT_EQ(checked_remote_path(".oko", "--f"), ".oko");
  for (const std::string path : {"", "~", "~bob/x", "-rf", "a\nb", "a\x1b[2J", "a\xff"}) {
    EXPECT_THAT(error_of([&] { checked_remote_path(path, "--f"); }), HasSubstr("--f")) << path;
  }
}

TEST(ConnectionError, SaysWhatToDo) {
  const Host host{"me@box", 2222};
  const auto text = [&](const char* errors) {
    return std::string(connection_error(host, errors).what());
  };
  EXPECT_THAT(text("No ED25519 host key is known for box and you have requested strict checking.\n"
                   "Host key verification failed.\r\n"),
              testing::AllOf(HasSubstr("host key is not known"), HasSubstr("ssh -p 2222 me@box")));
  EXPECT_THAT(text("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n"
                   "Host key verification failed."),
              HasSubstr("ssh-keygen -R"));
  EXPECT_THAT(text("me@box: Permission denied (publickey)."), HasSubstr("ssh-copy-id"));
  EXPECT_THAT(text("ssh: connect to host box port 22: Connection timed out"),
              HasSubstr("did not answer"));
  EXPECT_THAT(text("Timeout, server box not responding."), HasSubstr("stopped responding"));
  EXPECT_THAT(text("ssh: Could not resolve hostname box: Name or service not known"),
              HasSubstr("no host of that name"));
  EXPECT_THAT(text("something new\x1b[2J"), HasSubstr("something new\\x1b[2J"));
}

std::string answer_of(const char* middle) {
  return std::string("system Linux\nmachine x86_64\n") + middle + "end\n";
}

TEST(ParseMachine, ReadsDiskToolsAndCards) {
  const Machine machine =
      parse_machine(answer_of("missing setsid\nwritable\n"
                              "free my disk  1000 500 400  56% /mnt/a b\n"
                              "gpu NVIDIA A100-SXM4-80GB, 81920\ngpu NVIDIA-SMI has failed\n"),
                    "box");
  EXPECT_EQ(machine.free_bytes, 400U * 1024);
  EXPECT_TRUE(machine.writable);
  EXPECT_THAT(machine.missing, testing::ElementsAre("setsid"));
  ASSERT_EQ(machine.cards.size(), 1U);
  EXPECT_EQ(machine.cards[0].name, "NVIDIA A100-SXM4-80GB");
  EXPECT_NEAR(machine.cards[0].memory_gb, 85.9, .1);
}

TEST(ParseMachine, RejectsOtherAnswers) {
  EXPECT_THAT(error_of([] { parse_machine("", "box"); }), HasSubstr("box"));
  EXPECT_THAT(error_of([] { parse_machine("system Linux\n", "box"); }), HasSubstr("box"));
  EXPECT_THAT(error_of([] { parse_machine(answer_of("hello\n"), "box"); }), HasSubstr("hello"));
  EXPECT_THAT(error_of([] { parse_machine(answer_of("free none\n"), "box"); }), HasSubstr("free"));
}

TEST(MachineScript, IsUnderstoodByThisMachine) {
  std::string answer;
  const auto result = run_command({{"sh", "-c", machine_script("/no 'such folder/below")},
                                   {},
                                   [&](auto piece) { answer += piece; },
                                   0});
  EXPECT_EQ(result.code, 0) << result.errors;
  const Machine machine = parse_machine(answer, "here");
  EXPECT_GT(machine.free_bytes, 0U);
  EXPECT_THAT(machine.missing, testing::IsEmpty());
}

Machine machine_with(std::vector<Card> cards) {
  std::string answer;
  run_command({{"sh", "-c", machine_script(".")}, {}, [&](auto piece) { answer += piece; }, 0});
  Machine machine = parse_machine(answer, "box");
  machine.cards = std::move(cards);
  return machine;
}

TEST(CheckMachine, FindsTheCardsThatAreAskedFor) {
  const Machine machine = machine_with({{"NVIDIA L40S", 48.3},
                                        {"NVIDIA A100-SXM4-80GB", 85.9},
                                        {"NVIDIA GeForce RTX 4090", 25.8},
                                        {"Tesla T4", 16.1}});
  for (const char* type : {"L40S", "A100 80GB", "RTX 4090", "T4", "NVIDIA_TESLA_T4"}) {
    EXPECT_NO_THROW(check_machine(machine, "box", {0, true, 1, type})) << type;
  }
  for (const char* type : {"L4", "A100", "H100"}) {
    EXPECT_THAT(error_of([&] {
                  check_machine(machine, "box", {0, true, 1, type});
                }),
                HasSubstr("has NVIDIA L40S (48 GB), "))
        << type;
  }
  EXPECT_NO_THROW(check_machine(machine, "box", {0, true, 4, ""}));
  EXPECT_THAT(error_of([&] {
                check_machine(machine, "box", {0, true, 5, ""});
              }),
              HasSubstr("asks for 5 GPUs"));
  EXPECT_THAT(error_of([&] {
                check_machine(machine_with({}), "box", {0, true, 1, "T4"});
              }),
              HasSubstr("no GPU that nvidia-smi shows"));
}

TEST(CheckMachine, SaysWhatIsWrong) {
  Machine machine = machine_with({});
  EXPECT_NO_THROW(check_machine(machine, "box", {1000, true, 0, ""}));
  EXPECT_THAT(error_of([&] {
                check_machine(machine, "box", {~std::uint64_t{0}, true, 0, ""});
              }),
              HasSubstr("GB free"));
  machine.architecture = "aarch64";
  EXPECT_THAT(error_of([&] {
                check_machine(machine, "box", {0, true, 0, ""});
              }),
              HasSubstr("Linux aarch64"));
  EXPECT_NO_THROW(check_machine(machine, "box", {0, false, 0, ""}));
  machine.missing = {"setsid"};
  EXPECT_THAT(error_of([&] {
                check_machine(machine, "box", {0, false, 0, ""});
              }),
              HasSubstr("has no setsid"));
}

// The scripts of workers, run by this machine's shells.
class WorkerScripts : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    std::istringstream words(GetParam());
    for (std::string word; words >> word;) shell_.push_back(word);
    std::vector<std::string> nothing = shell_;
    nothing.insert(nothing.end(), {"-c", "true"});
    if (run_command({nothing, {}, {}, 0}).code == 127) {
      GTEST_SKIP() << "there is no " << shell_[0];
    }
    folder_ = testing::TempDir() + "/it's a $(job)";
    run("rm -rf \"$1\"");
  }
  void TearDown() override {
    if (!folder_.empty()) run("rm -rf \"$1\"");
  }

  std::string run(const std::string& script) {
    std::vector<std::string> words = shell_;
    words.insert(words.end(), {"-c", script, "sh", folder_});
    std::string output;
    const auto result = run_command({words, {}, [&](auto piece) { output += piece; }, 0});
    EXPECT_EQ(result.code, 0) << result.errors;
    return output;
  }
  Worker worker() const {
    return {1,
            folder_,
            {"sh", "-c", "echo \"$RANK $NAME\" >&2; exec sleep 60"},
            {"RANK=1", "NAME=a 'b' $(c)"}};
  }
  bool is_running(const ProcessIdentity& process) {
    return parse_alive(run(alive_script({process})), {process}, "here").alive.at(0);
  }

  std::vector<std::string> shell_;
  std::string folder_;
};

TEST_P(WorkerScripts, StartOnceStopOnlyTheSameProcess) {
  const ProcessIdentity process = parse_started(run(start_script(worker())), "here");
  EXPECT_EQ(process_on_this_machine(process.id), process);
  EXPECT_EQ(parse_started(run(start_script(worker())), "here"), process);
  EXPECT_TRUE(is_running(process));

  ProcessIdentity other = process;
  ++other.started;
  EXPECT_FALSE(is_running(other));
  run(stop_script(other));
  EXPECT_TRUE(is_running(process));
  other = process;
  other.boot = "another boot";
  run(stop_script(other));
  EXPECT_TRUE(is_running(process));
  EXPECT_FALSE(parse_alive(run(alive_script({other})), {other}, "here").same_boot);

  EXPECT_EQ(run(errors_script(folder_, 1, 5)), "1 a 'b' $(c)\n");
  EXPECT_EQ(run(errors_script(folder_, 0, 5)), "");
  run(stop_script(process));
  for (int i = 0; i < 100 && is_running(process); ++i) run("sleep .05");
  EXPECT_FALSE(is_running(process));
  run(stop_script(process));  // it has ended: not an error
  const ProcessIdentity next = parse_started(run(start_script(worker())), "here");
  EXPECT_NE(next.id, process.id);
  run(stop_recorded_script(folder_, 0));  // there is none
  EXPECT_TRUE(is_running(next));
  run(stop_recorded_script(folder_, 1));
  for (int i = 0; i < 100 && is_running(next); ++i) run("sleep .05");
  EXPECT_FALSE(is_running(next));
}

INSTANTIATE_TEST_SUITE_P(Shells, WorkerScripts,
                         testing::Values("sh", "bash", "bash --posix", "busybox sh"),
                         [](const auto& shell) {
                           std::string name = shell.param;
                           for (char& c : name) c = isalnum(c) ? c : '_';
                           return name;
                         });

TEST(ParseStarted, RejectsOtherAnswers) {
  EXPECT_THAT(error_of([] { parse_started("", "box"); }), HasSubstr("ended as soon as"));
  EXPECT_THAT(error_of([] { parse_alive("", {ProcessIdentity{}}, "box"); }), HasSubstr("box"));
  EXPECT_THAT(error_of([] { parse_alive("boot\n", {ProcessIdentity{}}, "box"); }),
              HasSubstr("too few"));
}

}  // namespace
}  // namespace oko::jobs::ssh

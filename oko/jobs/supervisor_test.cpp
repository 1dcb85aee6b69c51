#include "oko/jobs/supervisor.h"

#include <thread>

#include "oko/base/error.h"
#include "oko/jobs/state.h"
#include "oko/jobs/test_jobs.h"

namespace oko::jobs {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SupervisorTest : public Jobs {
 protected:
  // Supervises a training that is this shell script; $OUT is its run folder.
  int supervise_script(const std::string& body, Spec spec, std::function<int()> signals = nullptr) {
    write_spec(spec);
    SupervisorOptions options;
    options.folder = spec.folder;
    options.program = script("oko", R"(echo "$*" >> )" + file("calls") + "\nOUT=" + spec.run +
                                        "\nmkdir -p $OUT\n" + body);
    if (signals) options.signals = std::move(signals);
    options.heartbeat_seconds = .1;
    options.grace_seconds = .5;
    options.pause_seconds = .01;
    ::testing::internal::CaptureStdout();
    const int code = supervise(options);
    output_ = ::testing::internal::GetCapturedStdout();
    return code;
  }
  int supervise_script(const std::string& body) { return supervise_script(body, spec()); }
  // Of worker 1 of 2.
  int supervise_second(const std::string& body, Spec spec) {
    spec.settings["when-done"] = "touch " + file("ended");
    write_spec(spec);
    SupervisorOptions options;
    options.folder = spec.folder;
    options.program = script("oko", "echo $RANK >> " + file("calls") + "\n" + body);
    options.placement = {1, 2, 0, "host-a", 4711};
    options.pause_seconds = .01;
    ::testing::internal::CaptureStdout();
    const int code = supervise(options);
    output_ = ::testing::internal::GetCapturedStdout();
    return code;
  }
  int supervise_second(const std::string& body) { return supervise_second(body, spec()); }
  // Shell commands that write a state as worker 0 does.
  std::string put(const State& state) const {
    return "cat > " + file("job/state.json") + " <<'END'\n" + to_json(state).dump() + "\nEND\n";
  }
  State state() const {
    return state_from_json(parse_json(text("job/state.json"), "state.json"), "state.json");
  }
  bool succeeded() const { return storage::exists(file("job/done.json")); }

  std::string output_;
};

TEST_F(SupervisorTest, SuccessIsAMarker) {
  EXPECT_EQ(supervise_script("echo learned"), 0);
  EXPECT_TRUE(succeeded());
  EXPECT_EQ(state().phase, Phase::kSucceeded);
  EXPECT_THAT(text("job/logs/worker-0.log"), HasSubstr("learned\n"));
  EXPECT_THAT(output_, HasSubstr("learned\n"));
  EXPECT_EQ(text("calls"), "train photos --out " + file("job/run") + "\n");
  // Started once more by an engine that did not notice: nothing is trained.
  EXPECT_EQ(supervise_script("exit 1"), 0);
  EXPECT_THAT(text("calls"), Not(HasSubstr("--resume")));
}

TEST_F(SupervisorTest, FailureHasTheTrainingsCodeAndItsLastLines) {
  EXPECT_EQ(supervise_script("for i in $(seq 100); do echo line $i; done; echo lost >&2; exit 3"),
            3);
  EXPECT_FALSE(succeeded());
  EXPECT_EQ(state().phase, Phase::kFailed);
  EXPECT_EQ(state().code, 3);
  EXPECT_THAT(state().last_lines, HasSubstr("line 100\nlost\n"));
  EXPECT_THAT(state().last_lines, Not(HasSubstr("line 80\n")));
}

TEST_F(SupervisorTest, ACrashIsStartedAgainWithResume) {
  EXPECT_EQ(supervise_script("[ -e $OUT/run.toml ] || { touch $OUT/run.toml; kill -9 $$; }"), 0);
  EXPECT_TRUE(succeeded());
  EXPECT_EQ(state().restarts, 1);
  EXPECT_THAT(text("calls"), HasSubstr(" --resume\n"));
  EXPECT_THAT(output_, HasSubstr("too little memory"));
}

TEST_F(SupervisorTest, TheLossOfAnotherWorkerIsACrash) {
  EXPECT_EQ(supervise_script("[ -e $OUT/run.toml ] || { touch $OUT/run.toml; exit 5; }"), 0);
  EXPECT_TRUE(succeeded());
  EXPECT_EQ(state().restarts, 1);
  EXPECT_THAT(output_, HasSubstr("another worker was lost; starts it again"));
}

TEST_F(SupervisorTest, ThatCrashesAgainAndAgainFails) {
  EXPECT_EQ(supervise_script("kill -SEGV $$"), 1);
  EXPECT_EQ(state().phase, Phase::kFailed);
  EXPECT_EQ(state().restarts, 3);
  EXPECT_THAT(state().reason, HasSubstr("Segmentation fault"));
}

TEST_F(SupervisorTest, ASignalLetsTheTrainingWriteItsCheckpoint) {
  int asked = 0;
  const std::string body = "trap 'echo checkpoint; exit 130' TERM; while :; do sleep .05; done";
  EXPECT_EQ(supervise_script(body, spec(), [&] { return ++asked > 5 ? 1 : 0; }), 130);
  EXPECT_EQ(state().phase, Phase::kPreempted);
  EXPECT_FALSE(succeeded());
  EXPECT_THAT(output_, HasSubstr("checkpoint\n"));
}

TEST_F(SupervisorTest, ATrainingThatIgnoresTheSignalIsKilled) {
  int asked = 0;
  EXPECT_EQ(supervise_script("trap '' TERM; while :; do sleep .05; done", spec(),
                             [&] { return ++asked > 3 ? 1 : 0; }),
            130);
  EXPECT_THAT(output_, HasSubstr("killed"));
}

TEST_F(SupervisorTest, InterruptedTrainingIsNeverASuccess) {
  EXPECT_EQ(supervise_script("exit 130"), 130);
  EXPECT_EQ(state().phase, Phase::kPreempted);
  EXPECT_FALSE(succeeded());
}

TEST_F(SupervisorTest, EndsWhenTheFolderSaysSo) {
  std::thread canceller([this] {
    while (!storage::exists(file("job/state.json"))) std::this_thread::yield();
    open_folder(file("job"))->write(kCancelFile, R"({"why": "cancelled by me"})");
  });
  EXPECT_EQ(supervise_script("trap 'exit 130' TERM; while :; do sleep .05; done"), 1);
  canceller.join();
  EXPECT_EQ(state().phase, Phase::kCancelled);
  EXPECT_EQ(state().reason, "cancelled by me");
  EXPECT_EQ(supervise_script("exit 0"), 1);  // an engine must not start it again
  EXPECT_FALSE(succeeded());
}

TEST_F(SupervisorTest, AFolderThatWasRemovedDoesNotComeBack) {
  Spec spec = this->spec();
  spec.settings["when-done"] = "touch " + file("ended");
  const std::string body = "trap 'echo x > $OUT/checkpoint; exit 130' TERM; touch $OUT/run.toml; " +
                           ("rm -r " + file("job")) + "; while :; do sleep .05; echo on; done";
  EXPECT_EQ(supervise_script(body, spec), 1);
  EXPECT_THAT(output_, HasSubstr("cancelled: its folder was removed"));
  EXPECT_FALSE(storage::exists(file("job/run")));
  EXPECT_FALSE(storage::exists(file("job/done.json")));
  EXPECT_TRUE(storage::exists(file("ended")));  // a machine that is paid for
}

TEST_F(SupervisorTest, ALaterJobInTheSameFolderIsLeftAlone) {
  Spec later = spec();
  later.created += 1;
  const std::string put = "sleep .3; cat > " + file("job/job.json") + " <<'END'\n" +
                          to_json(later).dump() + "\nEND\n" +
                          "trap 'echo x > $OUT/checkpoint; exit 130' TERM; while :; do sleep .05; "
                          "echo of the first; done";
  EXPECT_EQ(supervise_script(put), 1);
  EXPECT_FALSE(storage::exists(file("job/run/checkpoint")));
  EXPECT_EQ(state().phase, Phase::kRunning);  // as written before
  EXPECT_FALSE(storage::exists(file("job/done.json")));
}

TEST_F(SupervisorTest, ACancellationBetweenTwoStartsIsOne) {
  Spec spec = this->spec();
  spec.settings["when-done"] = "touch " + file("ended");
  write_spec(spec);
  SupervisorOptions options;
  options.folder = spec.folder;
  options.program = script("oko", "kill -9 $$\n");
  options.pause_seconds = 5;
  int asked = 0;
  options.signals = [&] {
    if (++asked == 8) open_folder(file("job"))->write(kCancelFile, R"({"why": "cancelled by me"})");
    return asked >= 8 ? 1 : 0;
  };
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(supervise(options), 1);
  ::testing::internal::GetCapturedStdout();
  EXPECT_EQ(state().phase, Phase::kCancelled);
  EXPECT_TRUE(storage::exists(file("ended")));
}

TEST_F(SupervisorTest, ASignalAfterTheMarkerIsACancellation) {
  Spec spec = this->spec();
  int asked = 0;
  const std::string body = "trap 'exit 130' TERM; while :; do sleep .05; done";
  const int code = supervise_script(body, spec, [&] {
    if (++asked == 5) open_folder(file("job"))->write(kCancelFile, "{}");
    return asked >= 5 ? 1 : 0;
  });
  EXPECT_EQ(code, 1);
  EXPECT_EQ(state().phase, Phase::kCancelled);
}

TEST_F(SupervisorTest, LimitsHoldInsideTheJobAndOverAllAttempts) {
  Spec spec = this->spec();
  spec.resources.max_hours = .5 / 3600;
  const std::string body = "trap 'exit 130' TERM; while :; do sleep .05; done";
  EXPECT_EQ(supervise_script(body, spec), 1);
  EXPECT_EQ(state().phase, Phase::kStopped);
  EXPECT_THAT(state().reason, HasSubstr("--max-time"));
  EXPECT_GE(state().ran, .5);
  EXPECT_LT(state().ran, 5);  // by the supervisor's own clock, whatever the time of day
  EXPECT_EQ(supervise_script(body, spec), 1);  // nothing is left of it
  EXPECT_EQ(state().attempt, 2);
  EXPECT_GE(state().ran, .5);
  spec.resources.max_hours = 0;
  spec.resources.max_cost = .01;
  spec.price = 1e6;
  EXPECT_EQ(supervise_script(body, spec), 1);
  EXPECT_THAT(state().reason, HasSubstr("--max-cost"));
}

TEST_F(SupervisorTest, EndsARentedMachineWhenTheJobIsOverButNotWhenItIsPreempted) {
  Spec spec = this->spec();
  spec.settings["when-done"] = "echo $OKO_JOB > " + file("ended");
  EXPECT_EQ(supervise_script("exit 130", spec), 130);
  EXPECT_FALSE(storage::exists(file("ended")));
  EXPECT_EQ(supervise_script("exit 3", spec), 3);
  EXPECT_EQ(text("ended"), "roses-1\n");
}

TEST_F(SupervisorTest, ALogThatCannotBeWrittenDoesNotHideASuccess) {
  Spec spec = this->spec();
  spec.settings["when-done"] = "touch " + file("ended");
  storage::write(file("job/logs"), std::string_view("a file in the place of the folder"));
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(supervise_script("echo learned", spec), 0);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("logs"));
  EXPECT_TRUE(succeeded());
  EXPECT_TRUE(storage::exists(file("ended")));
}

TEST_F(SupervisorTest, ATrainingThatCannotStartFailsWithTheReason) {
  Spec spec = this->spec();
  spec.directory = file("gone");
  spec.settings["when-done"] = "touch " + file("ended");
  EXPECT_EQ(supervise_script("exit 0", spec), 3);
  EXPECT_EQ(state().phase, Phase::kFailed);
  EXPECT_THAT(state().reason, HasSubstr("gone: does not exist; the job was submitted there"));
  EXPECT_TRUE(storage::exists(file("ended")));
}

TEST_F(SupervisorTest, AnAttemptThatWasTakenOverLeavesTheJobAlone) {
  Spec spec = this->spec();
  spec.settings["when-done"] = "touch " + file("ended");
  State later;
  later.attempt = 5;
  later.host = "elsewhere";
  const std::string put = "sleep .3; cat > " + file("job/state.json") + " <<'END'\n" +
                          to_json(later).dump() + "\nEND\nsleep .5; exit 1";
  EXPECT_EQ(supervise_script(put, spec), 1);
  EXPECT_EQ(state().attempt, 5);
  EXPECT_EQ(state().phase, Phase::kRunning);
  EXPECT_FALSE(storage::exists(file("ended")));
}

TEST_F(SupervisorTest, WorkersThatStopTogetherAgreeOnWhy) {
  State first;
  first.phase = Phase::kStopped;
  first.reason = "it ran for 8 h (--max-time)";
  EXPECT_EQ(supervise_second(put(first) + "exit 130\n"), 1);
  EXPECT_THAT(output_, HasSubstr("stopped: it ran for 8 h"));
  EXPECT_TRUE(storage::exists(file("ended")));

  first.phase = Phase::kPreempted;
  first.reason = "the machine was taken away";
  std::filesystem::remove(file("ended"));
  EXPECT_EQ(supervise_second(put(first) + "exit 130\n"), 130);
  EXPECT_FALSE(storage::exists(file("ended")));
}

TEST_F(SupervisorTest, AWorkerEndsSoonWhenWorker0HasFailedForGood) {
  State first;
  first.phase = Phase::kFailed;
  first.reason = "the training ended with code 3";
  EXPECT_EQ(supervise_second(put(first) + "exit 5\n"), 1);
  EXPECT_THAT(output_, HasSubstr("failed: worker 0 failed: the training ended with code 3"));
  EXPECT_EQ(text("calls"), "1\n");
  EXPECT_TRUE(storage::exists(file("ended")));
}

// On a machine with a disk of its own: the last that is known of worker 0 is what a retry wrote
// there.
TEST_F(SupervisorTest, AWorkerThatDoesNotSeeWhyItWasLeftWaitsWithinItsLimits) {
  State retried;
  retried.phase = Phase::kPreempted;
  retried.reason = "started again by oko job retry";
  open_folder(file("job"))->write(kStateFile, to_json(retried).dump());
  Spec spec = this->spec();
  spec.resources.max_hours = 1. / 3600;
  EXPECT_EQ(supervise_second("exit 130\n", spec), 1);
  EXPECT_THAT(output_, HasSubstr("stopped: it ran for"));
  EXPECT_TRUE(storage::exists(file("ended")));
}

TEST_F(SupervisorTest, AWorkerWhoseWorker0DoesNotComeBackEndsItsMachine) {
  EXPECT_EQ(supervise_second("exit 5\n"), 5);  // for engines that start both again
  EXPECT_EQ(text("calls"), "1\n1\n1\n1\n");
  EXPECT_THAT(output_, HasSubstr("failed: worker 0 has ended, and did not come back"));
  EXPECT_TRUE(storage::exists(file("ended")));
}

TEST_F(SupervisorTest, WhatFailedForGoodDoesNotLookLikeALostMachine) {
  for (const int code : {4, 5}) {
    EXPECT_EQ(supervise_script("exit " + std::to_string(code)), 1) << code;
    EXPECT_EQ(state().code, code);
  }
}

TEST_F(SupervisorTest, ABrokenStateIsNoReasonNotToTrain) {
  open_folder(file("job"))->write(kStateFile, "{");
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(supervise_script("exit 0"), 0);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("ignored"));
  EXPECT_TRUE(succeeded());
}

TEST_F(SupervisorTest, WorkersFindEachOther) {
  Spec spec = this->spec();
  write_spec(spec);
  SupervisorOptions options;
  options.folder = spec.folder;
  options.program =
      script("oko", "echo $RANK of $WORLD_SIZE at $MASTER_ADDR:$MASTER_PORT on $LOCAL_RANK\n");
  options.placement = {1, 2, 3, "host-a", 4711};
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(supervise(options), 0);
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), HasSubstr("1 of 2 at host-a:4711 on 3\n"));
  EXPECT_TRUE(storage::exists(file("job/logs/worker-1.log")));
  EXPECT_FALSE(succeeded());  // worker 0 decides
  EXPECT_FALSE(storage::exists(file("job/state.json")));
}

TEST_F(SupervisorTest, AFolderWithoutAJobIsAnError) {
  SupervisorOptions options;
  options.folder = file("none");
  EXPECT_THROW(supervise(options), Error);
}

}  // namespace
}  // namespace oko::jobs

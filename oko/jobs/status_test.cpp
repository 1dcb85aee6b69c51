#include "oko/jobs/status.h"

#include "oko/base/error.h"
#include "oko/jobs/test_jobs.h"

namespace oko::jobs {
namespace {

using ::testing::HasSubstr;

class FakeBackend final : public Backend {
 public:
  Observation observation;
  std::string_view name() const override { return "fake"; }
  std::string_view about() const override { return ""; }
  std::string default_folder(const Spec&, const std::string&) const override { return ""; }
  void check(const Spec&) const override {}
  std::string preview(const Spec&) const override { return ""; }
  Json submit(const Spec&, Folder&, Progress&) const override { return {}; }
  Observation observe(const Spec&, const Json&) const override { return observation; }
  void cancel(const Spec&, const Json&) const override {}
  std::string engine_log(const Spec&, const Json&, int) const override { return ""; }
};

class StatusTest : public Jobs {
 protected:
  static constexpr double kNow = 1000;
  using P = Observation::Phase;

  void SetUp() override {
    Jobs::SetUp();
    write_spec(spec());
  }
  Status status(Observation::Phase phase, const std::string& reason = "") {
    backend_.observation.phase = phase;
    backend_.observation.reason = reason;
    Job job;
    job.spec = spec();
    job.spec.price = 3.6;
    job.engine = Json::object();
    job.backend = &backend_;
    job.folder = open_folder(job.spec.folder);
    return status_of(job, kNow);
  }
  void put(Phase phase, double time) {
    State state;
    state.phase = phase;
    state.ran = time - 400;
    state.time = time;
    if (phase == Phase::kFailed) state.reason = "code 4";
    open_folder(spec().folder)->write(kStateFile, to_json(state).dump());
  }

  FakeBackend backend_;
};

TEST_F(StatusTest, BeforeTheWorkerHasStarted) {
  EXPECT_EQ(status(P::kQueued, "waits for a GPU").standing, Standing::kQueued);
  EXPECT_EQ(status(P::kQueued, "waits for a GPU").why, "waits for a GPU");
  EXPECT_EQ(status(P::kRunning).standing, Standing::kStarting);
  EXPECT_EQ(status(P::kEnded, "image not found").standing, Standing::kFailed);
  EXPECT_EQ(status(P::kEnded, "image not found").why, "image not found");
  EXPECT_EQ(status(P::kUnreachable, "no route").standing, Standing::kUnknown);
}

TEST_F(StatusTest, AJobWhoseFolderIsNotThereIsUnknown) {
  std::filesystem::rename(file("job"), file("away"));  // or its disk is not mounted
  const Status s = status(P::kEnded);
  EXPECT_EQ(s.standing, Standing::kUnknown);
  EXPECT_THAT(s.why, HasSubstr("its folder is not there: " + file("job")));
}

TEST_F(StatusTest, SuccessIsTheMarkerAndNothingElse) {
  put(Phase::kRunning, 990);
  open_folder(spec().folder)->write(kDoneFile, "{}");
  EXPECT_EQ(status(P::kGone).standing, Standing::kSucceeded);
  open_folder(spec().folder)->remove(kDoneFile);
  EXPECT_EQ(status(P::kEnded, "Complete").standing, Standing::kLost);
}

TEST_F(StatusTest, AJobThatStoppedBeatingIsLost) {
  put(Phase::kRunning, 990);
  EXPECT_EQ(status(P::kRunning).standing, Standing::kRunning);
  EXPECT_DOUBLE_EQ(status(P::kRunning).seconds, 600);
  EXPECT_DOUBLE_EQ(status(P::kRunning).cost, .6);
  put(Phase::kRunning, 700);
  const Status lost = status(P::kRunning);
  EXPECT_EQ(lost.standing, Standing::kLost);
  EXPECT_THAT(lost.why, HasSubstr("no sign of life for 5 min"));
  EXPECT_THAT(lost.hint, HasSubstr("may still be charged"));
  EXPECT_TRUE(lost.charged());
  EXPECT_DOUBLE_EQ(lost.seconds, 300);
  EXPECT_EQ(status(P::kUnreachable, "no route").standing, Standing::kLost);
  EXPECT_THAT(status(P::kGone).hint, HasSubstr("oko job retry roses-1"));
}

TEST_F(StatusTest, APreemptedJobWaitsForItsEngineOrTheUser) {
  put(Phase::kPreempted, 900);
  EXPECT_EQ(status(P::kQueued).standing, Standing::kPreempted);
  EXPECT_EQ(status(P::kQueued).hint, "");
  EXPECT_DOUBLE_EQ(status(P::kQueued).seconds, 500);
  EXPECT_THAT(status(P::kEnded).hint, HasSubstr("oko job retry"));
}

TEST_F(StatusTest, WhatTheWorkerSaidLastCountsOnceItsEngineHasEnded) {
  put(Phase::kFailed, 900);
  for (const auto phase : {P::kEnded, P::kGone, P::kUnreachable}) {
    EXPECT_EQ(status(phase).standing, Standing::kFailed);
    EXPECT_TRUE(status(phase).over());
    EXPECT_FALSE(status(phase).charged());
  }
  // A worker is started again, or another one has not ended yet.
  const Status again = status(P::kQueued, "1 node is too small");
  EXPECT_EQ(again.standing, Standing::kQueued);
  EXPECT_THAT(again.why, HasSubstr("failed: code 4; its engine starts it again"));
  EXPECT_FALSE(again.over());
  const Status ending = status(P::kRunning);
  EXPECT_EQ(ending.standing, Standing::kEnding);
  EXPECT_THAT(ending.why, HasSubstr("failed: code 4; its engine still runs it"));
  EXPECT_FALSE(ending.over());
  EXPECT_TRUE(ending.charged());
}

TEST_F(StatusTest, ASuccessIsOneWhileItsMachineStillRuns) {
  put(Phase::kSucceeded, 900);
  open_folder(spec().folder)->write(kDoneFile, "{}");
  EXPECT_TRUE(status(P::kRunning).over());
  EXPECT_TRUE(status(P::kRunning).charged());
  EXPECT_FALSE(status(P::kEnded).charged());
}

TEST_F(StatusTest, WithoutWorker0AJobGoesOnOnlyIfItIsStartedAgain) {
  put(Phase::kPreempted, 900);
  backend_.observation.first_ended = true;
  EXPECT_THAT(status(P::kRunning).hint, HasSubstr("oko job retry"));
  EXPECT_TRUE(status(P::kRunning).charged());
  put(Phase::kRunning, 990);
  EXPECT_EQ(status(P::kRunning).standing, Standing::kLost);
}

TEST_F(StatusTest, ACancelledJobNeedNotSaySo) {
  open_folder(spec().folder)->write(kCancelFile, "{}");
  EXPECT_EQ(status(P::kGone).standing, Standing::kCancelled);
  EXPECT_EQ(status(P::kRunning).standing, Standing::kStarting);
  EXPECT_THAT(status(P::kRunning).why, HasSubstr("is being cancelled"));
}

TEST_F(StatusTest, ProgressComesFromTheRunsLog) {
  put(Phase::kRunning, 990);
  open_folder(spec().folder)
      ->write(
          "run/log.jsonl",
          "{\"event\":\"start\",\"recipe\":{\"epochs\":50}}\n{\"event\":\"step\",\"loss\":2.5}\n"
          "not json\n{\"event\":\"epoch\",\"epoch\":6,\"map50\":0.25}\n{\"event\":\"ep");
  const Status s = status(P::kRunning);
  EXPECT_EQ(s.epoch, 7);
  EXPECT_EQ(s.epochs, 50);
  EXPECT_DOUBLE_EQ(s.loss, 2.5);
  EXPECT_DOUBLE_EQ(s.map50, .25);
}

TEST_F(StatusTest, ABrokenStateIsSaidAndNotAssumed) {
  open_folder(spec().folder)->write(kStateFile, "{\"phase\": \"dancing\"}");
  const Status s = status(P::kRunning);
  EXPECT_EQ(s.standing, Standing::kUnknown);
  EXPECT_THAT(s.why, HasSubstr("dancing"));
  const Status ended = status(P::kEnded);
  EXPECT_EQ(ended.standing, Standing::kFailed);  // so that it can be started again
  EXPECT_THAT(ended.why, HasSubstr("dancing"));
  EXPECT_THAT(ended.hint, HasSubstr("oko job retry"));
}

}  // namespace
}  // namespace oko::jobs

// Stopping and going on: what a run computes does not depend on how often it was stopped.
#include <gmock/gmock.h>

#include "oko/train/test_run.h"

namespace oko::train {
namespace {

using ::testing::HasSubstr;

using Resume = Training;

TEST_F(Resume, RecipeInTheRunFolderMakesTheSameRunAgain) {
  run(recipe(2), "first");
  const std::string text = storage::read_text(folder_ / "first/run.toml");
  EXPECT_THAT(text, HasSubstr("dataset_hash"));
  run(recipe_from_toml(text, "run.toml"), "second");
  expect_same(model("first").weights, model("second").weights);
  expect_same(newest("first").extra, newest("second").extra);
}

TEST_F(Resume, ResumedRunIsTheUninterruptedOneBitForBit) {
  Recipe r = recipe(4);
  r.anchors = "data";
  expect_resume_is_exact(r, {7});
}

TEST_F(Resume, ResumeIsExactAtAnEpochsEndAndAfterSeveralStops) {
  expect_resume_is_exact(recipe(4), {5, 1, 8});
}

TEST_F(Resume, ResumeIsExactWithDropoutAndAccumulatedSteps) {
  Recipe r = recipe(4);
  r.network = network_file(true);
  r.accumulate = 2;  // five batches: updates after 2, 2 and 1
  expect_resume_is_exact(r, {4});
}

TEST_F(Resume, ResumeIsExactWithThePlateauSchedule) {
  make_squares(dataset_, {20, 0});
  Recipe r = recipe(12);
  r.val_part = 0;
  r.schedule = "plateau";
  r.batch = 20;  // one update an epoch, on the same pictures,
  r.augment = false;
  r.rate = 1e-12;  // that changes nothing: the rate falls after epochs 5 and 9
  expect_resume_is_exact(r, {13});
  const auto steps = events("parts", "step");
  EXPECT_NEAR(steps.at(5)["rate"].get<double>(), 1e-13, 1e-20);
  EXPECT_NEAR(steps.at(11)["rate"].get<double>(), 1e-14, 1e-20);
}

TEST_F(Resume, ResumeIsExactInAndAfterTheFrozenStage) {
  run(recipe(1), "pretrained");
  Recipe r = recipe(4);
  r.from = folder_ / "pretrained/model.oko";
  r.frozen_epochs = 2;
  expect_resume_is_exact(r, {3, 7, 3});
  expect_same(model("whole", "stage.oko").weights, model("parts", "stage.oko").weights);
}

TEST_F(Resume, InterruptedRunKeepsACheckpointAndAReport) {
  const Error e = interrupt(recipe(3), "run", 3);
  EXPECT_EQ(e.code(), ErrorCode::kInterrupted);
  EXPECT_THAT(e.mend(), HasSubstr("--resume"));
  const run::Paths paths{folder_ / "run"};
  EXPECT_TRUE(storage::exists(storage::join(paths.checkpoints(), "step-00000003.oko")));
  EXPECT_TRUE(storage::exists(paths.report()));
  EXPECT_EQ(newest("run").position.batch, 3);
  EXPECT_EQ(events("run", "end").at(0)["reason"], "interrupted");
}

TEST_F(Resume, RunThatStoppedBeforeItsFirstCheckpointStartsAnew) {
  Recipe r = recipe(2);
  run(r, "whole");
  interrupt(r, "parts", 3);
  storage::remove(storage::join(folder_ / "parts", "checkpoints/step-00000003.oko"));
  go_on("parts");
  expect_same(model("whole").weights, model("parts").weights);
  EXPECT_EQ(events("parts", "step").size(), 10U);
  EXPECT_EQ(events("parts", "start").size(), 1U);
}

TEST_F(Resume, BrokenNewestCheckpointIsPassedOver) {
  Recipe r = recipe(3);
  run(r, "whole");
  interrupt(r, "parts", 8);  // its checkpoint is written whatever else is under way
  interrupt(r, "parts", 6, true);
  const std::string newest_file = storage::join(folder_ / "parts", "checkpoints/step-00000012.oko");
  ASSERT_TRUE(storage::exists(newest_file));
  storage::write(newest_file, "half");
  go_on("parts");
  expect_same(model("whole").weights, model("parts").weights);
  EXPECT_EQ(events("parts", "step").size(), 15U);
  EXPECT_THAT(events("parts", "warning").at(0)["text"].get<std::string>(),
              HasSubstr("step-00000012.oko"));
}

TEST_F(Resume, FolderOfAnotherRunIsAUsageError) {
  interrupt(recipe(2), "run", 1);
  const std::string log = storage::read_text(folder_ / "run/log.jsonl");
  const Error e = error_of([&] { run(recipe(2), "run"); });
  EXPECT_EQ(e.code(), ErrorCode::kUsage);
  EXPECT_THAT(e.mend(), HasSubstr("--resume"));
  EXPECT_EQ(storage::read_text(folder_ / "run/log.jsonl"), log);
}

TEST_F(Resume, WhoGoesOnWithARunEndsTheProcessThatStillTrains) {
  Recipe r = recipe(3);
  run(r, "whole");
  TrainOptions options{.out = folder_ / "parts"};
  int asked = 0;
  options.stop = [&] {
    if (++asked == 8) {  // in the second epoch another process takes over
      EXPECT_NO_THROW(go_on("parts"));
    }
    return false;
  };
  const Error e = error_of([&] { train::train(r, options, progress_); });
  EXPECT_EQ(e.code(), ErrorCode::kFailed);
  EXPECT_THAT(e.message(), HasSubstr("has gone on with this run"));
  expect_same(model("whole").weights, model("parts").weights);
}

TEST_F(Resume, ResumeWithoutARunIsAnInputError) {
  EXPECT_EQ(error_of([&] { go_on("nothing"); }).code(), ErrorCode::kInput);
}

}  // namespace
}  // namespace oko::train

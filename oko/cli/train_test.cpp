// `oko train` as typed, on the synthetic images of the trainer's tests.
#include <gmock/gmock.h>

#include "oko/cli/test_command.h"
#include "oko/train/test_run.h"

namespace oko::cli {
namespace {

using ::testing::HasSubstr;

class TrainCommand : public train::Training {
 protected:
  Outcome train_command(std::vector<std::string> flags) {
    std::vector<std::string> words = {"train", "--out", place("run")};
    words.insert(words.end(), flags.begin(), flags.end());
    return oko_command(words);
  }
  void begin() {
    train::make_squares(dataset_);
    const Outcome outcome =
        train_command({dataset_, "--network", network_file(false), "--epochs", "1", "--batch", "4",
                       "--precision", "fp32", "--threads", "1", "--quiet"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
  }
};

TEST_F(TrainCommand, ResumeSaysWhenThereIsNothingToDo) {
  begin();
  const Outcome outcome = train_command({"--resume"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("nothing to do"));
  EXPECT_THAT(outcome.out, HasSubstr("--epochs"));
  EXPECT_THAT(train_command({"--resume", "--json"}).out, HasSubstr("\"trained\": false"));
}

TEST_F(TrainCommand, ResumeAcceptsFlagsOrRejectsThemByName) {
  begin();
  const Outcome refused = train_command({"--resume", "--rate", "0.5"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.error, HasSubstr("--rate 0.5 (the run has 0.001)"));
  EXPECT_EQ(train_command({"--resume", "--recipe", "x.toml"}).code, 2);
  const Outcome longer = train_command({dataset_, "--resume", "--epochs", "2", "--batch", "4"});
  EXPECT_EQ(longer.code, 0) << longer.error;
  EXPECT_THAT(longer.error, HasSubstr("changed: epochs 1 -> 2"));
  EXPECT_THAT(longer.error, HasSubstr("resumed at epoch 2 of 2"));
  EXPECT_EQ(events("run", "epoch").size(), 2U);
}

TEST_F(TrainCommand, FlagsWithoutEffectAreRejected) {
  train::make_squares(dataset_);
  EXPECT_EQ(train_command({dataset_, "--momentum", ".5"}).code, 2);
  EXPECT_EQ(train_command({dataset_, "--accept-changed-data"}).code, 2);
}

TEST_F(TrainCommand, UnknownWordsAreRefusedWithTheNearest) {
  const Outcome outcome = train_command({dataset_, "--optimizer", "sdg"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("--optimizer: \"sdg\" is unknown"));
  EXPECT_THAT(outcome.error, HasSubstr("did you mean sgd? (sgd, adam, adamw)"));
  EXPECT_THAT(oko_command({"help", "train"}).out, HasSubstr("[sgd|adam|adamw; default: adamw]"));
  EXPECT_THAT(oko_command({"completion", "bash"}).out, HasSubstr("cosine step plateau constant"));
}

TEST_F(TrainCommand, FilesThatBelongToNoRunAreNotReplaced) {
  train::make_squares(dataset_);
  storage::write(folder_ / "run/model.oko", "mine");
  const Outcome outcome = train_command({dataset_, "--epochs", "1"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("model.oko"));
  EXPECT_EQ(storage::read_text(folder_ / "run/model.oko"), "mine");
}

TEST_F(TrainCommand, OutputsThatCannotBeWrittenFailFirst) {
  storage::write(folder_ / "file", "x");
  const Outcome report =
      oko_command({"eval", "none.oko", "none", "--report", folder_ / "file/r.html"});
  EXPECT_EQ(report.code, 4) << report.error;
  const Outcome model = oko_command({"quantize", "none.oko", "none", "-o", folder_ / "file/m.oko"});
  EXPECT_EQ(model.code, 4) << model.error;
  EXPECT_EQ(oko_command({"quantize", "m.oko", "none", "-o", "x.oko", "--keep", ".99"}).code, 2);
  EXPECT_EQ(
      oko_command({"quantize", "m.oko", "none", "-o", "x.oko", "--no-eval", "--eval-split", "val"})
          .code,
      2);
}

}  // namespace
}  // namespace oko::cli

// What --resume decides from the files of a run, without training one.
#include "oko/train/resumption.h"

#include <gmock/gmock.h>

#include "oko/train/run_folder.h"
#include "oko/train/test_run.h"

namespace oko::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The files of a run of two epochs that has ended.
class RunFolder : public ::testing::Test {
 protected:
  RunFolder() {
    recipe_.dataset = "photos";
    recipe_.epochs = 2;
    write_recipe();
    Checkpoint checkpoint;
    checkpoint.network = tiny_network();
    fill_weights(checkpoint.network, 1);
    checkpoint.position.step = 10;
    checkpoint.position.epoch = 2;
    checkpoint.position.epoch_sum = yolo_sums(0);
    storage::write(paths_.model(), graph::write_oko(checkpoint.network));
    run::Writer writer;
    write_checkpoint(writer, paths_.checkpoints(), std::move(checkpoint));
    writer.flush();
    storage::write(paths_.report(), "report");
    storage::write(paths_.log(), "{\"event\":\"end\",\"reason\":\"done\",\"step\":10}\n");
  }

  void write_recipe() {
    RunRecord record;
    record.recipe = recipe_;
    record.oko = "1";
    storage::write(paths_.recipe(), to_toml(record));
  }
  Resumption read(const Recipe& wanted = {}, std::set<std::string> given = {}) {
    TrainOptions options{.out = paths_.folder, .resume = true};
    options.given = std::move(given);
    return read_run(wanted, options, paths_);
  }
  std::string nothing(const Resumption& resumption) {
    const auto result = nothing_to_do(resumption, paths_);
    return result ? result->nothing_to_do : "";
  }

  const dataset::ScratchFolder folder_;
  const run::Paths paths_{folder_ / "run"};
  Recipe recipe_;
};

TEST_F(RunFolder, FinishedRunHasNothingToDo) {
  EXPECT_EQ(nothing(read()), "all 2 epochs are already trained");
  storage::remove(paths_.report());
  EXPECT_EQ(nothing(read()), "") << "the report is still to be written";
}

TEST_F(RunFolder, InterruptedRunContinues) {
  storage::write(paths_.log(), "{\"event\":\"end\",\"reason\":\"interrupted\",\"step\":10}\n");
  EXPECT_EQ(nothing(read()), "");
}

TEST_F(RunFolder, MoreEpochsAreAChangeAndFewerAreRefused) {
  Recipe wanted;
  wanted.epochs = 4;
  const Resumption more = read(wanted, {"epochs"});
  EXPECT_EQ(more.record.recipe.epochs, 4);
  EXPECT_EQ(nothing(more), "");
  EXPECT_THAT(changes_of(more, {"val: other images"}),
              ElementsAre("epochs 2 -> 4", "data changed: val: other images"));
  wanted.epochs = 1;
  EXPECT_EQ(error_of([&] { read(wanted, {"epochs"}); }).message(), "2 epochs are already trained");
}

TEST_F(RunFolder, CheckpointWrittenSinceIsTheOneToContinueFrom) {
  Resumption resumption = read();
  Checkpoint newer = *resumption.checkpoint;
  newer.position.step = 11;
  run::Writer writer;
  write_checkpoint(writer, paths_.checkpoints(), newer);
  writer.flush();
  const auto checkpoint = newest_now(resumption, {"square"}, paths_);
  ASSERT_TRUE(checkpoint.has_value());
  EXPECT_EQ(checkpoint->position.step, 11);
  storage::remove(checkpoint->uri);
  EXPECT_EQ(error_of([&] {
              resumption.checkpoint.reset();
              newest_now(resumption, {"circle"}, paths_);
            }).code(),
            ErrorCode::kInput);
}

TEST_F(RunFolder, FoldersThatCannotBeUsedAreRefused) {
  EXPECT_THAT(error_of([&] { refuse_a_second_run(paths_); }).message(),
              HasSubstr("already contains a run"));
  storage::remove(paths_.recipe());
  EXPECT_THAT(error_of([&] { refuse_a_second_run(paths_); }).message(),
              HasSubstr("belongs to no run"));
  EXPECT_THAT(error_of([&] { read(); }).message(), HasSubstr("no run to resume"));
  EXPECT_NO_THROW(refuse_a_second_run(run::Paths{folder_ / "other"}));
}

}  // namespace
}  // namespace oko::train

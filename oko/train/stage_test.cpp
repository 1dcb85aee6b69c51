#include "oko/train/stage.h"

#include <gmock/gmock.h>

#include "oko/dataset/read.h"
#include "oko/train/test_run.h"

namespace oko::train {
namespace {

TEST(Patience, CountsFullEpochsSinceTheBest) {
  Recipe recipe;
  Position position;
  position.stage = 2;
  position.epoch = 10;
  position.best_epoch = 4;
  EXPECT_FALSE(patience_is_over(recipe, position)) << "0: never";
  recipe.patience = 5;
  EXPECT_TRUE(patience_is_over(recipe, position));
  recipe.patience = 6;
  EXPECT_FALSE(patience_is_over(recipe, position));
  recipe.patience = 2;
  recipe.frozen_epochs = 8;
  EXPECT_FALSE(patience_is_over(recipe, position)) << "the frozen stage does not count";
  position.stage = 1;
  position.epoch = 30;
  EXPECT_FALSE(patience_is_over(recipe, position));
}

class StageTest : public ::testing::Test {
 protected:
  StageTest() {
    setup_.train = dataset::read(make_squares(folder_ / "data", {10, 0}));
    setup_.network = tiny_network();
    setup_.pretrained.assign(setup_.network.layers.size(), false);
    setup_.pretrained[0] = true;
    Recipe& r = setup_.recipe;
    r.epochs = 6;
    r.frozen_epochs = 2;
    r.plain_epochs = 1;
    r.batch = 2;
    r.accumulate = 2;
    r.warmup_epochs = 0;
    r.schedule = ScheduleKind::kConstant;
    r.frozen_rate = .1;
    r.rate = .2;
    r.loader_threads = 1;
  }

  const dataset::ScratchFolder folder_;
  train::Setup setup_;
  Position position_;
};

TEST_F(StageTest, FirstStageFreezesThePretrainedLayers) {
  const Stage first(setup_, position_);
  EXPECT_EQ(first.frozen_layers(), setup_.pretrained);
  EXPECT_EQ(first.updates_per_epoch(), 3);
  EXPECT_EQ(first.rate(position_, 0), .1);
  EXPECT_FALSE(first.is_over(position_));
  position_.epoch = 2;
  EXPECT_TRUE(first.is_over(position_));
  position_.stage = 2;
  const Stage second(setup_, position_);
  EXPECT_THAT(second.frozen_layers(), ::testing::Each(false));
  EXPECT_EQ(second.rate(position_, 0), .2);
  EXPECT_FALSE(second.is_over(position_));
}

TEST_F(StageTest, RateBelongsToTheUpdateOfTheBatch) {
  setup_.recipe.schedule = ScheduleKind::kCosine;
  setup_.recipe.final_factor = 0;
  position_.stage = 2;
  position_.epoch = 2;
  const Stage stage(setup_, position_);
  EXPECT_EQ(stage.rate(position_, 0), .2);
  EXPECT_EQ(stage.rate(position_, 1), .2) << "of the same update";
  EXPECT_LT(stage.rate(position_, 2), .2);
  position_.epoch = 4;  // half of the stage's four epochs
  EXPECT_NEAR(stage.rate(position_, 0), .1, 1e-12);
}

TEST_F(StageTest, LastEpochsHaveALoaderOfTheirOwn) {
  Stage stage(setup_, position_);
  const dataset::Loader* const loader = &stage.loader(0);
  EXPECT_EQ(&stage.loader(4), loader);
  EXPECT_NE(&stage.loader(5), nullptr);
  EXPECT_EQ(&stage.loader(5), &stage.loader(5));
}

}  // namespace
}  // namespace oko::train

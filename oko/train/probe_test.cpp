#include "oko/train/probe.h"

#include <gtest/gtest.h>

#include "oko/train/test_run.h"

namespace oko::train {
namespace {

class ProbeTest : public Training {};

TEST_F(ProbeTest, TimesUpdatesLoadingAndEvaluationOfTheRun) {
  Recipe r = recipe(3);
  r.batch = 0;  // chosen, as by training
  const ProbeResult result = probe(r, {.seconds = .2}, progress_);
  EXPECT_EQ(result.images, 20);
  EXPECT_EQ(result.val_images, 8);
  EXPECT_EQ(result.recipe.batch, 2);
  EXPECT_EQ(result.network.input.width, 64);
  EXPECT_EQ(result.mean_area, 1);
  const cost::Probe& probe = result.probe;
  EXPECT_GE(probe.updates, 4);
  EXPECT_EQ(probe.cores, 1);
  for (const cost::Range& range : {probe.train, probe.validate}) {
    EXPECT_GT(range.low, 0);
    EXPECT_LT(range.low, range.likely);
    EXPECT_LT(range.likely, range.high);
  }
  EXPECT_GT(probe.load, 0);
  EXPECT_GE(probe.judge, 0);
}

TEST_F(ProbeTest, KnowsThatInputsVary) {
  Recipe r = recipe(1);
  r.multi_scale = .5;
  // Sides of 64 and 96; smaller ones are not used.
  EXPECT_NEAR(probe(r, {.seconds = .1}, progress_).mean_area, (1 + 2.25) / 2, 1e-9);
}

// The batch is chosen for the images that there will be.
TEST_F(ProbeTest, MayHaveOnlyAPartOfTheImages) {
  Recipe r = recipe(1);
  r.batch = 0;
  EXPECT_EQ(probe(r, {.seconds = .1, .images = 5000}, progress_).recipe.batch, 16);
}

TEST_F(ProbeTest, NeedsNoValidationSplit) {
  make_squares(dataset_, {.train = 6, .val = 0});
  Recipe r = recipe(1);
  r.val_part = 0;
  const ProbeResult result = probe(r, {.seconds = .1}, progress_);
  EXPECT_EQ(result.val_images, 0);
  EXPECT_EQ(result.probe.validate, cost::Range{});
}

TEST_F(ProbeTest, RefusesWhatTrainingRefuses) {
  Recipe r = recipe(1);
  r.dataset = place("missing");
  EXPECT_THROW(probe(r, {.seconds = .1}, progress_), Error);
}

}  // namespace
}  // namespace oko::train

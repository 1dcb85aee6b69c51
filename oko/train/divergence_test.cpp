#include "oko/train/divergence.h"

#include <gmock/gmock.h>

#include <cmath>

namespace oko::train {
namespace {

using ::testing::HasSubstr;

// Adds `count` updates of the same loss; returns the last answer.
std::string add(LossTrend& trend, int count, double loss) {
  std::string why;
  for (int i = 0; i < count; ++i) why = add_loss(trend, loss, 1, false);
  return why;
}

TEST(Divergence, SteadyAndFallingLossesAreFine) {
  LossTrend trend;
  for (int i = 0; i < 500; ++i) EXPECT_EQ(add_loss(trend, 1000. / (1 + i), 1, false), "");
  EXPECT_EQ(trend.updates, 500);
  EXPECT_LT(trend.lowest, 5);
}

TEST(Divergence, LossFarAboveItsMinimumStops) {
  LossTrend trend;
  EXPECT_EQ(add(trend, 60, 2), "");
  EXPECT_EQ(add(trend, 200, 38), "") << "19 times the minimum";
  EXPECT_THAT(add(trend, 200, 50), HasSubstr("diverges: "));
}

TEST(Divergence, NothingIsJudgedBeforeTheLossHasSettled) {
  LossTrend trend;
  EXPECT_EQ(add(trend, 1, 1), "");
  EXPECT_EQ(add(trend, 49, 1e6), "");
}

TEST(Divergence, ValuesThatAreNotFiniteStopAndDoNotCount) {
  LossTrend trend;
  EXPECT_THAT(add_loss(trend, NAN, 1, false), HasSubstr("not finite"));
  EXPECT_THAT(add_loss(trend, 1, INFINITY, false), HasSubstr("gradient norm inf"));
  EXPECT_EQ(trend.updates, 0);
  EXPECT_EQ(add_loss(trend, 1, INFINITY, true), "") << "fp16 skips that update";
  EXPECT_THAT(add_loss(trend, INFINITY, 1, true), HasSubstr("not finite"));
}

}  // namespace
}  // namespace oko::train

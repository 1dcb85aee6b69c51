#include "oko/runtime/histogram.h"

#include <gtest/gtest.h>

#include <cmath>

#include "oko/base/random.h"

namespace oko::runtime {
namespace {

Histogram of(std::span<const float> values) {
  Histogram histogram;
  histogram.add(values);
  return histogram;
}
std::vector<float> normal(std::size_t count, double size) {
  Random random(5);
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(size * random.normal());
  return values;
}

TEST(Histogram, HasTheExactEndsAtAnyScale) {
  for (const float scale : {1e-6F, 1.F, 1e6F}) {
    const auto histogram = of(std::vector<float>{-3 * scale, scale, 7 * scale, 0});
    EXPECT_EQ(histogram.min_max(), (Range{-3 * scale, 7 * scale}));
    EXPECT_EQ(histogram.count(), 4U);
  }
}

TEST(Histogram, AcceptsValuesUpToItsLimit) {
  const float large = std::nextafter(Histogram::kLimit, 0.F);
  const auto histogram = of(std::vector<float>{-large, 1, large});
  for (const Range& range :
       {histogram.min_max(), histogram.percentile(1), histogram.least_divergence()}) {
    EXPECT_EQ(range, (Range{-large, large}));
  }
}

TEST(Histogram, DoesNotDependOnTheOrderOfValues) {
  auto values = normal(5000, 3);
  const auto forward = of(values);
  std::sort(values.begin(), values.end());
  const auto sorted = of(values);
  EXPECT_EQ(forward.min_max(), sorted.min_max());
  EXPECT_EQ(forward.percentile(.99), sorted.percentile(.99));
  EXPECT_EQ(forward.least_divergence(), sorted.least_divergence());
}

TEST(Histogram, PercentileCutsHalfOfTheRestAtEitherEnd) {
  std::vector<float> values;
  for (int i = 0; i <= 1000; ++i) values.push_back(static_cast<float>(i));
  const Range range = of(values).percentile(.9);
  EXPECT_NEAR(range.low, 50, 1);
  EXPECT_NEAR(range.high, 950, 1);
  EXPECT_EQ(of(values).percentile(1), (Range{0, 1000}));
}

TEST(Histogram, PercentileOfOneValueContainsIt) {
  const Range range = of(std::vector<float>{5, 5, 5}).percentile(.999);
  EXPECT_EQ(range, (Range{5, 5}));
}

TEST(Histogram, DivergenceCutsFewOutliers) {
  auto values = normal(100000, 1);
  for (float& v : values) v = std::fabs(v);  // as after relu
  values.push_back(12);
  const auto histogram = of(values);
  const Range range = histogram.least_divergence();
  EXPECT_LT(range.high, 8);
  EXPECT_GT(range.high, 3);
}

TEST(Histogram, UniformValuesAreNotCut) {
  Random random(2);
  std::vector<float> values(200000);
  for (float& v : values) v = static_cast<float>(random.uniform(0, 4));
  const Range range = of(values).least_divergence();
  EXPECT_EQ(range.low, 0);
  EXPECT_GT(range.high, 3.9F);
}

TEST(Histogram, NothingSeenIsAnEmptyRange) {
  const Histogram nothing;
  EXPECT_EQ(nothing.min_max(), Range{});
  EXPECT_EQ(nothing.least_divergence(), Range{});
  EXPECT_EQ(nothing.count(), 0U);
}

}  // namespace
}  // namespace oko::runtime

#include "oko/train/estimate.h"

#include <gtest/gtest.h>

#include <vector>

#include "oko/graph/builtin.h"

namespace oko::train {
namespace {

TEST(Estimate, BytesAreReadable) {
  EXPECT_EQ(human_bytes(0), "0 KB");
  EXPECT_EQ(human_bytes(1400), "1 KB");
  EXPECT_EQ(human_bytes(35'434'956), "35 MB");
  EXPECT_EQ(human_bytes(1'360'000'000), "1.4 GB");
}

TEST(Estimate, SecondsAreReadable) {
  EXPECT_EQ(human_seconds(0), "0.0 s");
  EXPECT_EQ(human_seconds(4.21), "4.2 s");
  EXPECT_EQ(human_seconds(9.97), "10 s");
  EXPECT_EQ(human_seconds(31), "31 s");
  EXPECT_EQ(human_seconds(59.7), "1 min 00 s");
  EXPECT_EQ(human_seconds(190), "3 min 10 s");
  EXPECT_EQ(human_seconds(2 * 3600 + 5 * 60 + 10), "2 h 05 min");
  EXPECT_EQ(human_seconds(3599.6), "1 h 00 min");
}

TEST(Estimate, ActivationsAndBatchesGrowWithTheBatchAndParametersDoNot) {
  const graph::Network network = graph::make_builtin("yolo-fastest", {.classes = 2});
  EstimateOptions options;
  options.batch = 4;
  const MemoryEstimate four = estimate_memory(network, options);
  options.batch = 8;
  const MemoryEstimate eight = estimate_memory(network, options);
  EXPECT_EQ(eight.activations, 2 * four.activations);
  EXPECT_EQ(eight.pictures, 2 * four.pictures);
  EXPECT_EQ(eight.parameters, four.parameters);
  EXPECT_EQ(eight.total(), eight.activations + eight.pictures + eight.parameters);
}

TEST(Estimate, ParametersCountValueGradientAverageAndMoments) {
  const graph::Network network = graph::make_builtin("yolov3-tiny", {.classes = 80});
  EstimateOptions options;
  options.moments = 1;
  // 8 858 734 values, of which 6272 are batch norm statistics
  EXPECT_NEAR(static_cast<double>(estimate_memory(network, options).parameters), 8858734. * 4 * 4,
              1e6);
  options.moments = 2;
  EXPECT_NEAR(static_cast<double>(estimate_memory(network, options).parameters), 8858734. * 4 * 5,
              1e6);
}

TEST(Estimate, HalfPrecisionHalvesTheActivations) {
  const graph::Network network = graph::make_builtin("yolo-fastest", {.classes = 2});
  EstimateOptions options;
  const MemoryEstimate whole = estimate_memory(network, options);
  options.half_precision = true;
  EXPECT_EQ(estimate_memory(network, options).activations, whole.activations / 2);
}

TEST(Estimate, CachedImagesCount) {
  const graph::Network network = graph::make_builtin("yolo-fastest", {.classes = 2});
  EstimateOptions options;
  const MemoryEstimate without = estimate_memory(network, options);
  options.cache_bytes = 12345;
  EXPECT_EQ(estimate_memory(network, options).pictures, without.pictures + 12345);
}

TEST(Estimate, PeakMemoryGrowsWithWhatIsUsed) {
  const std::int64_t before = peak_resident_memory();
  if (before == 0) GTEST_SKIP() << "this system does not report it";
  const std::vector<char> used(static_cast<std::size_t>(before) + (16 << 20), 1);
  EXPECT_GT(peak_resident_memory(), before);
  EXPECT_EQ(used.back(), 1);
}

}  // namespace
}  // namespace oko::train

#include "oko/runtime/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "oko/base/error.h"
#include "oko/runtime/quantize.h"
#include "oko/runtime/test_networks.h"
#include "oko/runtime/tiling.h"

namespace oko::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

std::vector<std::string> steps_of(const graph::Network& network,
                                  Precision precision = Precision::kFloat32) {
  std::vector<std::string> steps;
  const Plan plan = make_plan(network, {precision, best_simd_target()});
  for (const Step& step : plan.steps) steps.push_back(describe(step));
  return steps;
}

graph::Network quantized(graph::Network network) {
  std::vector<std::vector<std::uint8_t>> pictures(1);
  Random random(1);
  for (std::int64_t i = 0; i < network.input.count(); ++i) {
    pictures[0].push_back(static_cast<std::uint8_t>(random.below(256)));
  }
  quantize(network, pictures, {}, [] {});
  return network;
}

// The kinds of steps covered by the network tests: new kinds must be added there.
TEST(Plan, TheTestedNetworksUseEveryWayOfRunningALayer) {
  std::set<std::string> floats, bytes;
  for (const auto& [name, network] : fused_networks()) {
    for (const std::string& step : steps_of(network)) floats.insert(step);
    for (const std::string& step : steps_of(quantized(network), Precision::kInt8)) {
      bytes.insert(step);
    }
  }
  const std::vector<std::string> both{"input",
                                      "conv 1x1 gemm",
                                      "conv 3x3 gemm",
                                      "conv 3x3 gemm + pool",
                                      "conv 3x3 gemm + shortcut",
                                      "conv 3x3 winograd",
                                      "conv 3x3 winograd + pool",
                                      "conv 3x3 winograd + shortcut",
                                      "conv 3x3 depthwise",
                                      "conv 3x3 depthwise + shortcut",
                                      "conv 5x5 /2 depthwise",
                                      "max pool 5x5 /1",
                                      "average pool",
                                      "upsample x2",
                                      "shortcut",
                                      "copy",
                                      "softmax",
                                      "head"};
  EXPECT_THAT(floats, IsSupersetOf(both));
  EXPECT_THAT(bytes, IsSupersetOf(both));
  EXPECT_THAT(bytes, IsSupersetOf({"mish", "logistic"}));
}

// Of a late layer of YOLOv3-tiny: transformed, its kernels would be four times as large.
TEST(Plan, KernelsThatNoCacheKeepsArePackedAsTheyAre) {
  NetworkBuilder n({3, 13, 13});
  n.head(n.convolution(n.convolution(graph::kNetworkInput, 256), 512));
  const Plan plan = make_plan(n.finish(), {});
  EXPECT_EQ(describe(plan.steps[1]), "conv 3x3 winograd");
  EXPECT_LT(plan.weight_bytes, 1.05 * sizeof(float) * 9 * 256 * 512);
}

// The panels of AVX-512 would be half empty.
TEST(Plan, FewFiltersArePackedForShorterVectors) {
  for (const SimdTarget target : simd_targets()) {
    for (const int filters : {8, 9}) {
      NetworkBuilder n({3, 8, 8});
      n.head(n.convolution(n.convolution(graph::kNetworkInput, 32), filters, 1));
      const Plan plan = make_plan(n.finish(), {Precision::kFloat32, target});
      const auto& step = std::get<ConvolutionStep>(plan.steps[1].work);
      const bool shorter = kernels(target).lanes == 16 && filters == 8;
      EXPECT_EQ(block_of(step, target).lanes, shorter ? 8 : kernels(target).lanes);
    }
  }
}

// Transforming them would take longer than it saves.
TEST(Plan, LargeKernelsOfATinyTensorAreMultipliedDirectly) {
  for (const int side : {4, 13}) {
    NetworkBuilder n({3, side, side});
    n.head(n.convolution(n.convolution(graph::kNetworkInput, 256), 256));
    const std::string expected = side == 4 ? "conv 3x3 gemm" : "conv 3x3 winograd";
    EXPECT_EQ(steps_of(n.finish())[1], expected);
  }
}

TEST(Plan, ARouteOfTensorsWrittenInPlaceCostsNothing) {
  NetworkBuilder n({3, 8, 8});
  const int a = n.convolution(graph::kNetworkInput, 4), b = n.convolution(a, 8);
  n.head(n.add(graph::Route{}, {a, b}));
  EXPECT_THAT(steps_of(n.finish()), ElementsAre("conv 3x3 gemm", "conv 3x3 gemm", "head"));
}

// As in a unit of ShuffleNetV2, whose first half is only passed on.
TEST(Plan, AShuffleOfAConcatenationReadsItsInputs) {
  NetworkBuilder n({3, 8, 8});
  const int all = n.convolution(graph::kNetworkInput, 12);
  const int passed = n.add(graph::Route{2, 0}, {all}), other = n.add(graph::Route{2, 1}, {all});
  const int joined = n.add(graph::Route{}, {passed, n.convolution(other, 6)});
  n.head(n.add(graph::Shuffle{2}, {joined}));
  EXPECT_THAT(steps_of(n.finish()),
              ElementsAre("conv 3x3 gemm", "conv 3x3 gemm", "shuffle", "head"));
}

TEST(Plan, TensorsShareMemoryAfterTheirLastUse) {
  NetworkBuilder n({3, 32, 32});
  int last = n.convolution(graph::kNetworkInput, 12);
  for (int i = 0; i < 20; ++i) last = n.convolution(last, 12);
  n.head(last);
  const Plan plan = make_plan(n.finish(), {});
  const std::size_t map = 12 * 32 * 32 * sizeof(float);
  EXPECT_LT(plan.arena_bytes, 2 * map + 4 * kSlack);
}

TEST(Plan, WeightOffsetsAreDisjointAndAligned) {
  for (const auto& [name, network] : fused_networks()) {
    SCOPED_TRACE(name);
    const Plan plan = make_plan(network, {});
    std::size_t last = 0;
    for (const Step& step : plan.steps) {
      const auto* c = std::get_if<ConvolutionStep>(&step.work);
      if (c == nullptr) continue;
      EXPECT_EQ(c->weights % kAlignment, 0U);
      EXPECT_EQ(c->bias % kAlignment, 0U);
      EXPECT_GE(c->weights, last);
      EXPECT_GT(c->bias, c->weights);
      last = c->bias + 1;
    }
    EXPECT_GE(plan.weight_bytes, last);
  }
}

}  // namespace
}  // namespace oko::runtime

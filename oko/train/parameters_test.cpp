#include "oko/train/parameters.h"

#include <gtest/gtest.h>

#include <cmath>

#include "oko/graph/builtin.h"
#include "oko/train/test_support.h"

namespace oko::train {
namespace {

std::vector<float> floats_of(const graph::Weights& weights, const std::string& name) {
  const auto values = weights.at(name).floats();
  return {values.begin(), values.end()};
}

graph::Weights drawn(const graph::Network& network, std::uint64_t seed) {
  const Parameters parameters(network, at::kCPU, seed);
  return parameters.weights(parameters.flat());
}

TEST(Parameters, WeightsRoundTripBitForBit) {
  graph::Network network = tiny_network();
  fill_weights(network, 3);
  const Parameters parameters(network, at::kCPU, 1);
  const graph::Weights back = parameters.weights(parameters.flat());
  ASSERT_EQ(back.size(), network.weights.size());
  for (const auto& [name, tensor] : network.weights) {
    EXPECT_EQ(back.at(name).shape, tensor.shape) << name;
    EXPECT_EQ(back.at(name).data.text(), tensor.data.text()) << name;
  }
}

TEST(Parameters, KernelsComeFirstAndStatisticsAreNotTrained) {
  const Parameters parameters(tiny_network(), at::kCPU, 1);
  bool kernels_over = false;
  std::int64_t end = 0;
  for (const Parameter& p : parameters.parameters()) {
    EXPECT_EQ(p.decay, p.name.ends_with(".kernel")) << p.name;
    if (!p.decay) kernels_over = true;
    EXPECT_FALSE(kernels_over && p.decay) << p.name;
    EXPECT_FALSE(p.name.ends_with(".mean") || p.name.ends_with(".variance"));
    EXPECT_EQ(p.offset, end) << p.name;
    end += p.count;
  }
  EXPECT_EQ(end, parameters.gradient().numel());
  EXPECT_EQ(parameters.flat().numel() - end, 2 * (8 + 16 + 24));
}

TEST(Parameters, GradientsOfLeavesAreViewsOfTheGradientBuffer) {
  Parameters parameters(tiny_network(), at::kCPU, 1);
  at::Tensor gradient = parameters.gradient();
  gradient.fill_(2.F);
  for (const Parameter& p : parameters.parameters()) {
    EXPECT_EQ(p.value.grad().sum().item<double>(), 2. * static_cast<double>(p.count)) << p.name;
  }
}

TEST(Parameters, MissingKernelsAreDrawnWithHeInitialization) {
  const graph::Network network = graph::make_builtin("yolov3-tiny", {.classes = 3});
  const graph::Weights weights = drawn(network, 1);
  const auto kernel = floats_of(weights, "layers.8.kernel");  // 256 x 128 x 3 x 3
  ASSERT_EQ(kernel.size(), 256U * 128 * 9);
  double sum = 0, squares = 0;
  for (const float v : kernel) {
    sum += v;
    squares += static_cast<double>(v) * v;
  }
  const double n = static_cast<double>(kernel.size()), spread = std::sqrt(2. / (128 * 9));
  EXPECT_NEAR(sum / n, 0, .01 * spread);
  EXPECT_NEAR(std::sqrt(squares / n), spread, .01 * spread);
  EXPECT_EQ(floats_of(weights, "layers.8.scale"), std::vector<float>(256, 1.F));
  EXPECT_EQ(floats_of(weights, "layers.8.variance"), std::vector<float>(256, 1.F));
  EXPECT_EQ(floats_of(weights, "layers.8.bias"), std::vector<float>(256, 0.F));
  EXPECT_EQ(floats_of(weights, "layers.8.mean"), std::vector<float>(256, 0.F));
}

TEST(Parameters, HeadsStartSmallWithLowObjectness) {
  const graph::Weights weights = drawn(tiny_network(), 1);
  const auto bias = floats_of(weights, "layers.3.bias");
  for (std::size_t i = 0; i < bias.size(); ++i) {
    EXPECT_NEAR(1 / (1 + std::exp(-bias[i])), i % 6 == 4 ? .01 : .5, 1e-3) << i;
  }
  for (const float v : floats_of(weights, "layers.3.kernel")) EXPECT_LT(std::abs(v), .1F);
}

TEST(Parameters, SeedDecidesWhatIsDrawn) {
  const graph::Network network = tiny_network();
  const auto kernel = [&](std::uint64_t seed, const char* name) {
    return floats_of(drawn(network, seed), name);
  };
  EXPECT_EQ(kernel(4, "layers.1.kernel"), kernel(4, "layers.1.kernel"));
  EXPECT_NE(kernel(4, "layers.1.kernel"), kernel(5, "layers.1.kernel"));
}

TEST(Parameters, OnlyMissingWeightsAreDrawn) {
  graph::Network network = tiny_network();
  fill_weights(network, 3);
  const auto given = floats_of(network.weights, "layers.0.kernel");
  const graph::Weights all_drawn = drawn(tiny_network(), 9);
  network.weights.erase("layers.1.kernel");
  const graph::Weights weights = drawn(network, 9);
  EXPECT_EQ(floats_of(weights, "layers.0.kernel"), given);
  EXPECT_EQ(floats_of(weights, "layers.1.kernel"), floats_of(all_drawn, "layers.1.kernel"));
}

TEST(Parameters, WeightsOfAnotherShapeAreRejectedBeforeACopy) {
  graph::Network network = tiny_network();
  fill_weights(network, 1);
  Parameters parameters(network, at::kCPU, 1);
  const at::Tensor before = parameters.flat().clone();
  graph::Weights other = network.weights;
  other["layers.0.bias"] = graph::Tensor::of({1, 2}, {2});
  EXPECT_EQ(error_of([&] { parameters.assign(other, "x.oko"); }).code(), ErrorCode::kInput);
  other = network.weights;
  other.erase("layers.0.bias");
  EXPECT_EQ(error_of([&] { parameters.assign(other, "x.oko"); }).code(), ErrorCode::kInput);
  EXPECT_TRUE(at::equal(before, parameters.flat()));
  network.weights["layers.0.bias"] = graph::Tensor::of({1, 2}, {2});
  EXPECT_EQ(error_of([&] { Parameters(network, at::kCPU, 1); }).code(), ErrorCode::kInput);
}

}  // namespace
}  // namespace oko::train

#include "oko/train/module.h"

#include <gtest/gtest.h>

#include <numeric>

#include "oko/base/random.h"
#include "oko/graph/builtin.h"
#include "oko/graph/reference.h"

namespace oko::train {
namespace {

std::vector<float> random_numbers(std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(random.uniform(-1, 1));
  return values;
}

// Kinds without weights: what LibTorch computes from a map of 12x6x10 (those of several inputs also
// from its channels' means or a part of it), and that its gradient is that of the reference, by
// finite differences of a weighted sum.
class Kinds : public ::testing::TestWithParam<graph::Operation> {};

TEST_P(Kinds, ComputeWhatTheReferenceDoes) {
  graph::Network network;
  network.input = {12, 6, 10};
  // Gradients begin at the first layer with weights: one that changes nothing.
  network.layers = {{"same", graph::Convolution{.filters = 12, .groups = 12}, {-1}, {}},
                    {"means", graph::AveragePool{}, {0}, {}},
                    {"part", graph::Slice{3, 7}, {0}, {}},
                    {"kind", GetParam(), {0}, {}}};
  auto& inputs = network.layers.back().inputs;
  if (std::holds_alternative<graph::Product>(GetParam())) inputs = {0, 1, 0};
  if (std::holds_alternative<graph::Shortcut>(GetParam())) inputs = {2, 0, 2};
  graph::infer_shapes(network);
  network.weights["same.kernel"] = graph::Tensor::of(std::vector<float>(12, 1), {12, 1, 1, 1});
  network.weights["same.bias"] = graph::Tensor::of(std::vector<float>(12, 0), {12});
  const std::vector<float> input = random_numbers(12 * 6 * 10, 3);
  const auto expected = graph::Reference<double>(network).run(input).front();
  const graph::Shape& shape = network.layers.back().output;
  const std::vector<float> factors = random_numbers(shape.count(), 4);

  Module module(network, at::kCPU, 1);
  at::Tensor x = at::tensor(input).view({1, 12, 6, 10}).requires_grad_(true);
  const at::Tensor y = module.forward(x, {3}).front();
  ASSERT_EQ(y.sizes(), at::IntArrayRef({1, shape.channels, shape.height, shape.width}));
  const at::Tensor flat = y.contiguous().flatten();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(flat[static_cast<std::int64_t>(i)].item<float>(), expected[i], 1e-5) << i;
  }
  (flat * at::tensor(factors)).sum().backward();
  const auto sum_at = [&](std::vector<float> values) {
    const auto result = graph::Reference<double>(network).run(values).front();
    return std::inner_product(result.begin(), result.end(), factors.begin(), 0.);
  };
  const at::Tensor gradient = x.grad().contiguous().flatten();
  for (std::size_t i = 0; i < input.size(); i += 37) {
    std::vector<float> more = input, less = input;
    more[i] += 1.F / 64;
    less[i] -= 1.F / 64;
    EXPECT_NEAR(gradient[static_cast<std::int64_t>(i)].item<float>(),
                (sum_at(more) - sum_at(less)) * 32, 1e-3)
        << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Module, Kinds,
    ::testing::Values(graph::Shuffle{3}, graph::Bilinear{2},
                      graph::Bilinear{3, graph::Grid::kCorners},
                      graph::Bilinear{2, graph::Grid::kAsymmetric}, graph::Slice{2, 3},
                      graph::SpaceToDepth{2, graph::SpaceToDepth::Order::kRows},
                      graph::SpaceToDepth{2, graph::SpaceToDepth::Order::kColumns},
                      graph::SpaceToDepth{2, graph::SpaceToDepth::Order::kChannels},
                      graph::SpaceToDepth{2, graph::SpaceToDepth::Order::kDarknet},
                      graph::AveragePool{2, 2}, graph::AveragePool{3, 1, {1, 2, 0, 1}, false},
                      graph::AveragePool{3, 2, {1, 1, 2, 2}, true}, graph::Attention{2, 1, .5F},
                      graph::Product{graph::Activation::kHardSwish},
                      graph::Product{graph::Activation::kHardSigmoid},
                      graph::Shortcut{graph::Activation::kElu, true},
                      graph::Shortcut{graph::Activation::kTanh, true}));

// Multi-scale training feeds batches of sizes other than the network's own.
TEST(Module, AcceptsBatchesOfOtherSizes) {
  for (const char* name : {"yolov3-tiny", "yolo-fastest"}) {
    graph::BuiltinOptions options;
    options.classes = 2;
    options.width = options.height = 96;
    Module module(graph::make_builtin(name, options), at::kCPU, 1);
    const auto heads = module.forward(at::rand({2, 3, 160, 128}));
    ASSERT_EQ(heads.size(), 2u) << name;
    EXPECT_EQ(heads[0].sizes(), at::IntArrayRef({2, 21, 5, 4})) << name;
    EXPECT_EQ(heads[1].sizes(), at::IntArrayRef({2, 21, 10, 8})) << name;
  }
}

// The output of a convolution that only a pooling reads need not be in memory; it is if asked for.
TEST(Module, HalvesAMapAtOnceOnlyIfNothingElseReadsIt) {
  graph::Network network;
  network.input = {3, 10, 12};
  network.layers = {{"conv",
                     graph::Convolution{.filters = 8,
                                        .size = 3,
                                        .padding = {1, 1, 1, 1},
                                        .batch_norm = graph::BatchNorm{},
                                        .activation = graph::Activation::kLeaky},
                     {-1},
                     {}},
                    {"pool", graph::MaxPool{.padding = {0, 0, 1, 1}}, {0}, {}}};
  graph::infer_shapes(network);
  Module at_once(network, at::kCPU, 1), apart(network, at::kCPU, 1);
  const auto gradient_of = [](Module& module) { return module.parameters().gradient(); };
  for (const auto& size : {std::pair{10, 12}, {11, 12}, {10, 7}}) {
    SCOPED_TRACE(size.first);
    const at::Tensor x = at::rand({2, 3, size.first, size.second});
    const at::Tensor y = at_once.forward(x, {1})[0];
    const std::vector<at::Tensor> both = apart.forward(x, {0, 1});
    EXPECT_TRUE(at::equal(y, both[1]));
    const at::Tensor factors = at::rand(y.sizes());
    for (Module* module : {&at_once, &apart}) gradient_of(*module).zero_();
    (y * factors).sum().backward();
    (both[1] * factors).sum().backward();
    EXPECT_TRUE(at::allclose(gradient_of(at_once), gradient_of(apart), 1e-4, 1e-5));
  }
}

}  // namespace
}  // namespace oko::train

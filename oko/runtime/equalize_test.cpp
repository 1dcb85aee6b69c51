#include "oko/runtime/equalize.h"

#include <gtest/gtest.h>

#include "oko/runtime/calibrate.h"
#include "oko/runtime/executor.h"
#include "oko/runtime/test_networks.h"

namespace oko::runtime {
namespace {

using graph::Activation;

// Makes the channels of layer 0 unequal: each 1.7 times as large as the one before.
void spread(graph::Network& network) {
  const auto& c = std::get<graph::Convolution>(network.layers[0].operation);
  for (const char* part : {c.batch_norm ? "l0.scale" : "l0.kernel", "l0.bias"}) {
    graph::Tensor& tensor = network.weights.find(part)->second;
    const auto floats = tensor.floats();
    std::vector<float> values(floats.begin(), floats.end());
    const std::size_t count = values.size() / static_cast<std::size_t>(c.filters);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] *= static_cast<float>(std::pow(1.7, static_cast<double>(i / count)));
    }
    tensor = graph::Tensor::of(std::move(values), tensor.shape);
  }
}

std::vector<float> head_of(const graph::Network& network) {
  Executor executor(Model::make(network, {Precision::kFloat32, best_simd_target()}), 1);
  const auto input = random_numbers(executor.input().size(), 9);
  std::copy(input.begin(), input.end(), executor.input().begin());
  executor.run();
  const auto head = executor.heads().front();
  return {head.begin(), head.end()};
}
ChannelSizes sizes_of(const graph::Network& network) {
  Calibrator calibrator(network, 1);
  calibrator.add(random_numbers(static_cast<std::size_t>(network.input.count()), 9));
  return calibrator.channel_sizes();
}
double spread_of(const std::vector<float>& sizes) {
  const auto [least, most] = std::minmax_element(sizes.begin(), sizes.end());
  return *most / *least;
}
void expect_close(const std::vector<float>& found, const std::vector<float>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  float size = 0;
  for (const float v : expected) size = std::max(size, std::fabs(v));
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-4F * size);
}

graph::Network network_of(Activation activation, bool depthwise, bool batch_norm = true) {
  NetworkBuilder n({3, 9, 8});
  graph::Convolution first{8, 3, 1, 1, graph::Padding::all(1), {}, activation};
  if (batch_norm) first.batch_norm = graph::BatchNorm{};
  n.add(first, {graph::kNetworkInput});
  n.head(depthwise ? n.depthwise(0) : n.convolution(0, 12));
  graph::Network network = n.finish();
  spread(network);
  return network;
}

TEST(Equalize, ChannelsReadByADepthwiseConvolutionBecomeEqual) {
  for (const bool batch_norm : {false, true}) {
    const graph::Network before = network_of(Activation::kLeaky, true, batch_norm);
    graph::Network network = before;
    const ChannelSizes sizes = sizes_of(before);
    equalize(network, sizes);
    expect_close(head_of(network), head_of(before));
    EXPECT_GT(spread_of(sizes.at("l0")), 10);
    EXPECT_LT(spread_of(sizes_of(network).at("l0")), 1.001);
  }
}

TEST(Equalize, OtherReadersAreEqualizedHalfWay) {
  const graph::Network before = network_of(Activation::kRelu, false);
  graph::Network network = before;
  const ChannelSizes sizes = sizes_of(before);
  equalize(network, sizes);
  expect_close(head_of(network), head_of(before));
  const double left = spread_of(sizes_of(network).at("l0")), whole = spread_of(sizes.at("l0"));
  EXPECT_LT(left, whole / 2);
  EXPECT_GT(left, 1.5);
}

TEST(Equalize, GroupsOfAReaderHaveTheirOwnChannels) {
  NetworkBuilder n({3, 9, 8});
  n.convolution(graph::kNetworkInput, 8);
  n.head(n.convolution(0, 12, 3, 1, Activation::kLeaky, 4));
  const graph::Network before = n.finish();
  graph::Network network = before;
  equalize(network, sizes_of(before));
  expect_close(head_of(network), head_of(before));
  EXPECT_NE(network.weights.at("l1.kernel").data.text(),
            before.weights.at("l1.kernel").data.text());
}

// Nothing may change: the activation does not commute with scaling, or there are other readers.
void expect_left_alone(const graph::Network& before) {
  graph::Network network = before;
  equalize(network, sizes_of(before));
  for (const auto& [name, tensor] : before.weights) {
    EXPECT_EQ(network.weights.at(name).data.text(), tensor.data.text()) << name;
  }
}

TEST(Equalize, SkipsNonlinearActivations) {
  for (const Activation activation : {Activation::kRelu6, Activation::kMish}) {
    NetworkBuilder n({3, 9, 8});
    n.convolution(graph::kNetworkInput, 8, 3, 1, activation);
    n.head(n.depthwise(0));
    expect_left_alone(n.finish());
  }
}

TEST(Equalize, SkipsTensorsWithSeveralReaders) {
  NetworkBuilder n({3, 9, 8});
  n.convolution(graph::kNetworkInput, 6);
  n.head(n.add(graph::MaxPool{}, {0}));
  n.head(0);
  expect_left_alone(n.finish());
}

// From a convolution to a depthwise one, past what only moves values and a sum.
TEST(Equalize, GoesThroughLayersWithoutWeights) {
  NetworkBuilder n({3, 8, 8});
  n.convolution(graph::kNetworkInput, 8);
  const int other = n.convolution(graph::kNetworkInput, 8, 3, 2);
  const int pooled = n.add(graph::MaxPool{2, 2}, {0});
  const int shuffled = n.add(graph::Shuffle{2}, {n.add(graph::Route{}, {pooled, other})});
  const int half = n.add(graph::Route{2, 1}, {shuffled});
  const int sum = n.add(graph::Shortcut{}, {half, n.convolution(graph::kNetworkInput, 8, 3, 2)});
  n.head(n.depthwise(n.add(graph::Upsample{2}, {sum})));
  n.head(n.depthwise(n.add(graph::Route{2, 0}, {shuffled})));
  graph::Network before = n.finish();
  spread(before);
  graph::Network network = before;
  equalize(network, sizes_of(before));
  expect_close(head_of(network), head_of(before));
  EXPECT_GT(spread_of(sizes_of(before).at("l0")), 10);
  EXPECT_LT(spread_of(sizes_of(network).at("l0")), 5);
}

TEST(Equalize, ASilentChannelStaysSilent) {
  graph::Network before = network_of(Activation::kRelu, true);
  for (const char* part : {"l0.scale", "l0.bias"}) {
    graph::Tensor& tensor = before.weights.find(part)->second;
    std::vector<float> values(tensor.floats().begin(), tensor.floats().end());
    values[3] = 0;
    tensor = graph::Tensor::of(values, tensor.shape);
  }
  graph::Network network = before;
  equalize(network, sizes_of(before));
  expect_close(head_of(network), head_of(before));
}

TEST(Equalize, AnOutputKeepsItsValuesEvenIfAConvolutionReadsIt) {
  graph::Network network = network_of(Activation::kRelu, false);
  network.layers.erase(network.layers.begin() + network.heads().front());
  network.raw_outputs = {{0, "first"}, {1, "second"}};
  graph::infer_shapes(network);
  expect_left_alone(network);
}

}  // namespace
}  // namespace oko::runtime

#include "oko/train/feature_scale.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "oko/graph/builtin.h"
#include "oko/train/module.h"
#include "oko/train/test_support.h"

namespace oko::train {
namespace {

at::Tensor output_of(const graph::Network& network) {
  Module module(network, at::kCPU, 1);
  module.freeze(std::vector<bool>(network.layers.size(), true));
  at::manual_seed(4);
  const c10::InferenceMode inference;
  return module.forward(at::rand({2, 3, network.input.height, network.input.width}))[0];
}

float median_scale(const graph::Network& network) {
  std::vector<float> all;
  for (const auto& [name, tensor] : network.weights) {
    if (!name.ends_with(".scale")) continue;
    for (const float v : tensor.floats()) all.push_back(std::abs(v));
  }
  std::ranges::nth_element(all, all.begin() + std::ssize(all) / 2);
  return all[all.size() / 2];
}

// With scales of .05, as weight decay leaves them.
graph::Network with_small_features(graph::Network network) {
  fill_weights(network, 3);
  for (auto& [name, tensor] : network.weights) {
    if (!name.ends_with(".scale") && !name.ends_with(".bias")) continue;
    std::vector<float> values(tensor.floats().begin(), tensor.floats().end());
    for (float& v : values) v *= .05F;
    tensor = graph::Tensor::of(std::move(values), tensor.shape);
  }
  return network;
}

void expect_scaled_and_the_same(graph::Network network) {
  const at::Tensor before = output_of(network);
  ASSERT_LT(median_scale(network), .1F);
  normalize_features(network);
  EXPECT_NEAR(median_scale(network), 1, .02);
  EXPECT_NO_THROW(graph::check_weights(network));
  const at::Tensor after = output_of(network);
  EXPECT_LT((before - after).abs().max().item<float>(), 1e-3F * before.abs().max().item<float>());
}

TEST(NormalizeFeatures, NetworkComputesWhatItDid) {
  expect_scaled_and_the_same(with_small_features(tiny_network()));
}

TEST(NormalizeFeatures, PassesEveryLayerOfNanoDet) {
  expect_scaled_and_the_same(with_small_features(
      graph::make_builtin("nanodet-plus", {.classes = 2, .width = 64, .height = 64})));
}

TEST(NormalizeFeatures, LeavesOtherActivationsAlone) {
  graph::Network network = tiny_network();
  std::get<graph::Convolution>(network.layers[1].operation).activation = graph::Activation::kMish;
  network = with_small_features(std::move(network));
  const graph::Weights before = network.weights;
  normalize_features(network);
  for (const auto& [name, tensor] : before) {
    EXPECT_EQ(network.weights.at(name).data.text(), tensor.data.text()) << name;
  }
}

}  // namespace
}  // namespace oko::train

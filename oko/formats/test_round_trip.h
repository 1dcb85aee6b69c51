#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "oko/graph/network.h"
#include "oko/graph/synthetic.h"

// What tests of formats that are both written and read have in common.
namespace oko::formats {

// The layers without heads, as in other formats.
inline graph::Network without_heads(const graph::Network& network) {
  graph::Network result = network;
  result.layers.clear();
  std::vector<int> moved;
  for (const graph::Layer& layer : network.layers) {
    moved.push_back(static_cast<int>(result.layers.size()));
    if (graph::is_head(layer.operation)) continue;
    graph::Layer& copy = result.layers.emplace_back(layer);
    for (int& from : copy.inputs) from = from < 0 ? from : moved[from];
  }
  graph::infer_shapes(result);
  return result;
}

inline std::vector<graph::Yolo> yolos(const graph::Network& network) {
  std::vector<graph::Yolo> heads;
  for (const int head : network.heads()) {
    const auto& operation = network.layers[head].operation;
    heads.push_back(std::get<graph::Yolo>(operation));
    heads.back().ignore_threshold = .7F;  // only used in training
    heads.back().truth_threshold = 1;
  }
  return heads;
}

inline void expect_same(const graph::Network& actual, const graph::Network& expected) {
  ASSERT_EQ(actual.layers.size(), expected.layers.size());
  for (std::size_t i = 0; i < expected.layers.size(); ++i) {
    EXPECT_EQ(actual.layers[i], expected.layers[i]) << expected.layers[i].name;
  }
  EXPECT_EQ(actual.input, expected.input);
  ASSERT_EQ(actual.weights.size(), expected.weights.size());
  for (const auto& [name, tensor] : expected.weights) {
    const auto found = actual.weights.find(name);
    ASSERT_NE(found, actual.weights.end()) << name;
    EXPECT_EQ(found->second.shape, tensor.shape) << name;
    EXPECT_EQ(found->second.data.text(), tensor.data.text()) << name;
  }
}

inline graph::Layer layer(std::string name, graph::Operation operation, std::vector<int> inputs) {
  return {std::move(name), std::move(operation), std::move(inputs), {}};
}

// Every operation, activation and kind of padding once.
inline graph::Network everything() {
  using graph::Activation;
  graph::Network n;
  n.name = "m";
  n.input = {3, 17, 17};
  int last = graph::kNetworkInput;
  for (const auto activation :
       {Activation::kLinear, Activation::kLeaky, Activation::kRelu, Activation::kRelu6,
        Activation::kLogistic, Activation::kMish, Activation::kSwish}) {
    graph::Convolution c{8, 3, 1, 1, {1, 0, 1, 2}, {}, activation};
    if (last >= 0) c.groups = activation == Activation::kRelu ? 8 : 4;
    n.layers.push_back(layer(graph::name_of(activation), c, {last}));
    last = static_cast<int>(n.layers.size()) - 1;
    n.layers.push_back(layer(std::string("sum_") + graph::name_of(activation),
                             graph::Shortcut{activation}, {last, last}));
    ++last;
  }
  n.layers.push_back(layer("pool", graph::MaxPool{3, 2, {1, 0, 1, 2}}, {last++}));
  n.layers.push_back(layer("part", graph::Route{2, 1}, {last++}));
  n.layers.push_back(layer("up", graph::Upsample{3}, {last++}));
  n.layers.push_back(layer("join", graph::Route{}, {last, last}));
  n.layers.push_back(layer("mean", graph::AveragePool{}, {++last}));
  n.layers.push_back(layer("dense", graph::Convolution{5}, {++last}));
  n.layers.push_back(layer("softmax", graph::Softmax{}, {++last}));
  graph::infer_shapes(n);
  graph::fill_synthetic_weights(n);
  return n;
}

// What detectors without anchors are made of besides, with a head of distances.
inline graph::Network anchor_free() {
  graph::Network n;
  n.name = "m";
  n.input = {3, 12, 16};
  n.classes = {"a", "b"};
  n.layers = {
      layer("first", graph::Convolution{8, 3, 2, 1, graph::Padding::all(1)}, {-1}),
      layer("shuffle", graph::Shuffle{4}, {0}),
      layer("half", graph::Route{2, 1}, {1}),
      layer("up", graph::Bilinear{2, graph::Grid::kHalfPixel}, {2}),
      layer("corners", graph::Bilinear{2, graph::Grid::kCorners}, {1}),
      layer("join", graph::Route{}, {3, 4}),
      layer("last", graph::Convolution{2 + 4 * 5, 1}, {5}),
      layer("head", graph::Distances{.classes = 2, .bins = 5, .stride = 1, .prior = .5F}, {6})};
  graph::infer_shapes(n);
  graph::fill_synthetic_weights(n);
  return n;
}

// The layers of detectors of the 2020s that not every format has.
inline graph::Network modern() {
  using graph::Activation;
  graph::Network n;
  n.name = "m";
  n.input = {3, 12, 16};
  graph::Convolution dilated{10, 3, 1, 1, graph::Padding::all(2), {}, Activation::kHardSwish};
  dilated.dilation = 2;
  n.layers = {layer("focus", graph::SpaceToDepth{2}, {-1}),
              layer("dilated", dilated, {0}),
              layer("low", graph::Slice{0, 3}, {1}),
              layer("high", graph::Slice{3, 7}, {1}),
              layer("mean", graph::AveragePool{}, {1}),
              layer("gate", graph::Convolution{10, 1, 1, 1, {}, {}, Activation::kHardSigmoid}, {4}),
              layer("scaled", graph::Product{}, {1, 5}),
              layer("window", graph::AveragePool{3, 1, graph::Padding::all(1), true}, {6}),
              layer("inside", graph::AveragePool{2, 2}, {7}),
              layer("qkv", graph::Convolution{2 * (4 + 4 + 6)}, {8}),
              layer("attention", graph::Attention{2, 4, .5F}, {9}),
              layer("elu", graph::Convolution{10, 1, 1, 1, {}, {}, Activation::kElu}, {10}),
              layer("tanh", graph::Convolution{10, 1, 1, 1, {}, {}, Activation::kTanh}, {11}),
              layer("join", graph::Route{}, {2, 3, 7}),
              layer("last", graph::Convolution{4}, {13}),
              layer("other", graph::Convolution{5}, {12})};
  n.raw_outputs = {{14, "last"}, {15, "other"}};
  graph::infer_shapes(n);
  graph::fill_synthetic_weights(n);
  return n;
}

// Every order of pixels, sums of unequal channels, averages of pixels inside only, and late
// activations after sums and products.
inline graph::Network more_layers() {
  using graph::Activation;
  using Order = graph::SpaceToDepth::Order;
  graph::Network n;
  n.name = "m";
  n.input = {4, 12, 16};
  n.layers = {layer("rows", graph::SpaceToDepth{2, Order::kRows}, {-1}),
              layer("columns", graph::SpaceToDepth{2, Order::kColumns}, {-1}),
              layer("channels", graph::SpaceToDepth{2, Order::kChannels}, {-1}),
              layer("darknet", graph::SpaceToDepth{2, Order::kDarknet}, {-1}),
              layer("tanh", graph::Shortcut{Activation::kTanh}, {0, 1}),
              layer("elu", graph::Product{Activation::kElu}, {2, 3}),
              layer("gate", graph::Shortcut{Activation::kHardSigmoid}, {4, 5}),
              layer("hard", graph::Product{Activation::kHardSwish}, {6, 4}),
              layer("few", graph::Convolution{5}, {7}),
              layer("unequal", graph::Shortcut{Activation::kLeaky, true}, {7, 8}),
              layer("uneven", graph::AveragePool{3, 2, {1, 1, 0, 0}}, {9}),
              layer("same", graph::AveragePool{3, 1, graph::Padding::all(1)}, {10}),
              layer("attention", graph::Attention{1, 5, -.25F}, {11}),
              layer("last", graph::Convolution{3}, {12})};
  graph::infer_shapes(n);
  graph::fill_synthetic_weights(n);
  return n;
}

}  // namespace oko::formats

#pragma once

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "oko/graph/network.h"
#include "oko/graph/synthetic.h"

namespace oko::formats::coreml {

// Every operation and activation once, as a classifier of four classes: 3x16x16, synthetic weights.
inline graph::Network every_operation() {
  using graph::Activation;
  using graph::Convolution;
  using graph::Padding;
  graph::Network n;
  n.name = "every";
  n.input = {3, 16, 16};
  n.classes = {"one", "two", "three", "four"};
  const auto add = [&](graph::Operation operation, std::vector<int> inputs) {
    n.layers.push_back(
        {"layers." + std::to_string(n.layers.size()), std::move(operation), std::move(inputs), {}});
    return static_cast<int>(n.layers.size()) - 1;
  };
  const auto convolution = [](int filters, int size, int stride, int groups, const Padding& padding,
                              Activation activation) {
    Convolution c{filters, size, stride, groups, padding};
    c.activation = activation;
    return c;
  };
  const int a =
      add(convolution(8, 3, 1, 1, Padding::all(1), Activation::kLeaky), {graph::kNetworkInput});
  const int b = add(convolution(8, 3, 2, 4, {0, 0, 1, 1}, Activation::kRelu6), {a});
  const int c = add(graph::MaxPool{2, 1, {0, 0, 1, 1}}, {b});
  const int d = add(graph::MaxPool{3, 1, Padding::all(1)}, {c});
  const int e = add(convolution(8, 1, 1, 1, {}, Activation::kSwish), {d});
  const int f = add(convolution(8, 3, 1, 8, Padding::all(1), Activation::kMish), {c});
  const int g = add(graph::Shortcut{Activation::kRelu}, {e, f});
  const int h = add(graph::Route{2, 1}, {g});
  const int i = add(graph::Upsample{2}, {h});
  const int j = add(graph::Route{}, {a, i});
  const int k = add(convolution(6, 1, 1, 1, {}, Activation::kLogistic), {j});
  const int l = add(graph::MaxPool{3, 2, {1, 0, 0, 1}}, {k});
  const int m = add(graph::Shortcut{}, {l, l, l});
  const int o = add(convolution(5, 2, 1, 1, {}, Activation::kRelu), {m});
  const int p = add(graph::AveragePool{}, {o});
  add(graph::Softmax{}, {add(convolution(4, 1, 1, 1, {}, Activation::kLinear), {p})});
  graph::infer_shapes(n);
  graph::fill_synthetic_weights(n);
  return n;
}

// What detectors without anchors are made of besides, with two outputs: 4x12x16.
inline graph::Network modern_layers() {
  using graph::Activation;
  using graph::Grid;
  using Order = graph::SpaceToDepth::Order;
  graph::Network n;
  n.name = "modern";
  n.input = {4, 12, 16};
  graph::Convolution dilated{12, 3, 1, 1, graph::Padding::all(2), {}, Activation::kHardSwish};
  dilated.dilation = 2;
  const auto one = [](int filters, Activation activation) {
    return graph::Convolution{filters, 1, 1, 1, {}, {}, activation};
  };
  n.layers = {{"rows", graph::SpaceToDepth{2, Order::kRows}, {-1}, {}},
              {"columns", graph::SpaceToDepth{2, Order::kColumns}, {-1}, {}},
              {"channels", graph::SpaceToDepth{2, Order::kChannels}, {-1}, {}},
              {"join", graph::Route{}, {0, 1, 2}, {}},
              {"dilated", dilated, {3}, {}},
              {"shuffle", graph::Shuffle{3}, {4}, {}},
              {"slice", graph::Slice{1, 7}, {5}, {}},
              {"low", one(12, Activation::kElu), {6}, {}},
              {"mean", graph::AveragePool{}, {7}, {}},
              {"gate", one(12, Activation::kHardSigmoid), {8}, {}},
              {"scaled", graph::Product{Activation::kTanh}, {7, 9}, {}},
              {"inside", graph::AveragePool{3, 1, graph::Padding::all(1)}, {10}, {}},
              {"zeros", graph::AveragePool{3, 1, graph::Padding::all(1), true}, {11}, {}},
              {"half", graph::Bilinear{2, Grid::kHalfPixel}, {12}, {}},
              {"corners", graph::Bilinear{2, Grid::kCorners}, {12}, {}},
              {"starts", graph::Bilinear{2, Grid::kAsymmetric}, {12}, {}},
              {"all", graph::Route{}, {13, 14, 15}, {}},
              {"last", one(4, Activation::kLinear), {16}, {}},
              {"qkv", one(2 * (4 + 4 + 6), Activation::kLinear), {12}, {}},
              {"attention", graph::Attention{2, 4, .5F}, {18}, {}},
              {"other", one(5, Activation::kHardSwish), {19}, {}}};
  n.raw_outputs = {{17, "last"}, {20, "other"}};
  graph::infer_shapes(n);
  graph::fill_synthetic_weights(n);
  return n;
}

// Sums of unequal channels, and Darknet's order of pixels.
inline graph::Network darknet_layers() {
  graph::Network n;
  n.name = "darknet";
  n.input = {3, 8, 12};
  n.layers = {{"a", graph::Convolution{8, 3, 1, 1, graph::Padding::all(1)}, {-1}, {}},
              {"few", graph::Convolution{5}, {0}, {}},
              {"many", graph::Convolution{11}, {0}, {}},
              {"sum", graph::Shortcut{graph::Activation::kLeaky, true}, {0, 1, 2, 1}, {}},
              {"longer", graph::Shortcut{graph::Activation::kLinear, true}, {1, 3}, {}},
              {"reorg", graph::SpaceToDepth{2, graph::SpaceToDepth::Order::kDarknet}, {3}, {}},
              {"last", graph::Convolution{4}, {5}, {}},
              {"other", graph::Convolution{3}, {4}, {}}};
  n.raw_outputs = {{6, "last"}, {7, "other"}};
  graph::infer_shapes(n);
  graph::fill_synthetic_weights(n);
  return n;
}

// A head over a grid of 3 columns and 2 rows, straight from a 1x1 convolution.
inline graph::Network small_detector(graph::Operation head, int classes) {
  const auto channels_of = [](const auto& operation) {
    if constexpr (graph::HeadOperation<std::decay_t<decltype(operation)>>) {
      return operation.channels();
    } else {
      return 1;
    }
  };
  graph::Network n;
  n.name = "small";
  n.input = {3, 64, 96};
  graph::Convolution c{std::visit(channels_of, head), 1, 1};
  n.layers = {{"shrink", graph::MaxPool{32, 32, {}}, {graph::kNetworkInput}, {}},
              {"raw", c, {0}, {}},
              {"head", std::move(head), {1}, {}}};
  for (int i = 0; i < classes; ++i) n.classes.push_back("class " + std::to_string(i));
  graph::infer_shapes(n);
  graph::fill_synthetic_weights(n, 2);
  return n;
}

}  // namespace oko::formats::coreml

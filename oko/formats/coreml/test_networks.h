#pragma once

#include <string>
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

// A head of `anchors` anchors over a grid of 3 columns and 2 rows, straight from a 1x1 convolution.
inline graph::Network small_detector(graph::Operation head, int anchors, int classes) {
  graph::Network n;
  n.name = "small";
  n.input = {3, 64, 96};
  graph::Convolution c{anchors * (5 + classes), 1, 1};
  n.layers = {{"shrink", graph::MaxPool{32, 32, {}}, {graph::kNetworkInput}, {}},
              {"raw", c, {0}, {}},
              {"head", std::move(head), {1}, {}}};
  for (int i = 0; i < classes; ++i) n.classes.push_back("class " + std::to_string(i));
  graph::infer_shapes(n);
  graph::fill_synthetic_weights(n, 2);
  return n;
}

}  // namespace oko::formats::coreml

#pragma once

#include "oko/graph/network.h"
#include "oko/graph/synthetic.h"

namespace oko::formats::mps {

// The layers and activations of detectors of the 2020s that Metal can express: 3x12x8.
inline graph::Network modern_layers() {
  using graph::Activation;
  using graph::Grid;
  using Order = graph::SpaceToDepth::Order;
  graph::Network n;
  n.input = {3, 12, 8};
  graph::Convolution dilated{8, 3, 1, 1, graph::Padding::all(2), {}, Activation::kHardSwish};
  dilated.dilation = 2;
  const auto one = [](int filters, Activation activation) {
    return graph::Convolution{filters, 1, 1, 1, {}, {}, activation};
  };
  n.layers = {{"rows", graph::SpaceToDepth{2, Order::kRows}, {-1}, {}},
              {"columns", graph::SpaceToDepth{2, Order::kColumns}, {-1}, {}},
              {"channels", graph::SpaceToDepth{2, Order::kChannels}, {-1}, {}},
              {"join", graph::Route{}, {0, 1, 2}, {}},
              {"dilated", dilated, {3}, {}},
              {"shuffle", graph::Shuffle{4}, {4}, {}},
              {"slice", graph::Slice{1, 5}, {5}, {}},
              {"unequal", graph::Shortcut{Activation::kElu, true}, {5, 6, 3}, {}},
              {"mean", graph::AveragePool{}, {7}, {}},
              {"gate", one(8, Activation::kHardSigmoid), {8}, {}},
              {"scaled", graph::Product{Activation::kTanh}, {7, 9}, {}},
              {"inside", graph::AveragePool{3, 1, graph::Padding::all(1)}, {10}, {}},
              {"zeros", graph::AveragePool{3, 1, graph::Padding::all(1), true}, {11}, {}},
              {"half", graph::Bilinear{2, Grid::kHalfPixel}, {12}, {}},
              {"third", graph::Bilinear{3, Grid::kHalfPixel}, {12}, {}},
              {"corners", graph::Bilinear{2, Grid::kCorners}, {12}, {}},
              {"starts", graph::Bilinear{2, Grid::kAsymmetric}, {12}, {}},
              {"all", graph::Route{}, {13, 15, 16}, {}},
              {"last", one(4, Activation::kElu), {17}, {}},
              {"other", one(4, Activation::kHardSwish), {14}, {}}};
  n.raw_outputs = {{18, "last"}, {19, "other"}};
  graph::infer_shapes(n);
  graph::fill_synthetic_weights(n);
  return n;
}

}  // namespace oko::formats::mps

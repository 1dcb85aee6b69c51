#pragma once

#include <span>

#include "oko/graph/network.h"

namespace oko::graph {

// The geometry of heads, for all that decode or describe them: detect, the writers, the C API.
// These refer to the network and allocate nothing, since detection makes them for every frame.

// The grid of a head of any kind.
struct Head {
  int width = 0, height = 0;              // cells
  float cell_width = 0, cell_height = 0;  // pixels of the network's input
  int classes = 0;

  std::int64_t cells() const { return std::int64_t{width} * height; }
};
Head head_of(const Network& network, int layer);

// A head whose boxes are relative to anchors, with an objectness: Yolo (see there) and Region.
struct AnchorHead : Head {
  int boxes = 0;  // per cell, one for each anchor
  float scale_x_y = 1;
  BoxCode box_code = BoxCode::kExponential;
  bool softmax = false;  // over classes, which are independent sigmoids otherwise
  float class_share = 0;

  Anchor anchor(int box) const;  // pixels of the network's input

  std::span<const Anchor> anchors{};  // of all heads
  std::span<const int> mask{};        // which of them are this head's; empty: all
  Anchor unit{1, 1};                  // of `anchors`, in pixels
};
// Throws an input Error if the head is of another kind.
AnchorHead anchor_head_of(const Network& network, int layer);

}  // namespace oko::graph

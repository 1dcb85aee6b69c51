#pragma once

#include <array>

#include "oko/image/geometry.h"

namespace oko::train {

struct SidesGradient {
  double value = 0;  // GIoU, in (−1, 1]
  double iou = 0;
  std::array<double, 4> slope;  // d value / d (left, top, right, bottom) of the predicted box
};

// Generalized IoU: IoU − (C − U) / C, with U the area of the union and C that of the box around
// both (Rezatofighi et al., 2019). A box of negative size counts as empty.
SidesGradient giou_gradient(const image::Box& predicted, const image::Box& truth);

}  // namespace oko::train

#pragma once

#include <array>

namespace oko::train {

// A box by centre and size, in any consistent unit.
struct CentredBox {
  double x = 0, y = 0, w = 0, h = 0;
};

struct BoxGradient {
  double value = 0;             // CIoU, in (−2, 1]
  std::array<double, 4> slope;  // d value / d (x, y, w, h) of the predicted box
};

// Complete IoU: IoU − d²/c² − α·v, with d the distance of the centres, c the diagonal of the box
// around both, v = 4/π² · (atan(w/h of the truth) − atan(w/h of the prediction))² and
// α = v / (1 − IoU + v) held constant in the gradient (Zheng et al., "Distance-IoU Loss", 2020).
BoxGradient ciou_gradient(const CentredBox& predicted, const CentredBox& truth);

}  // namespace oko::train

#pragma once

#include <span>
#include <vector>

#include "oko/run/loss_parts.h"
#include "oko/train/choices.h"

namespace oko::train {

struct LossOptions {
  LossKind kind = LossKind::kCiou;
  // kCiou only. An anchor is assigned to a truth if the IoU of their shapes is above this.
  float anchor_iou = .3F;
  float box_gain = 3, objectness_gain = 1, class_gain = 1;
  float label_smoothing = 0;
};

using run::LossPart;

// A loss by its parts, of one image or summed over several.
struct LossSums {
  LossSums() = default;  // of no part yet: takes those of the first one added
  explicit LossSums(std::span<const LossPart> of) : parts(of), values(of.size(), 0.) {}

  std::span<const LossPart> parts;  // HeadKind::loss_parts()
  std::vector<double> values;       // of each

  double total() const;
  LossSums& operator+=(const LossSums& other);  // of the same parts
  LossSums& operator/=(double count);
};

}  // namespace oko::train

#pragma once

#include <span>

#include "oko/detect/detection.h"

namespace oko::convert {

// max |a − b|; infinity if one holds NaN or the lengths differ.
float largest_difference(std::span<const float> a, std::span<const float> b);
float largest_magnitude(std::span<const float> values);

// Agreement between two lists of boxes of one image.
struct BoxAgreement {
  int first = 0, second = 0;  // boxes in each list
  int matched = 0;       // pairs of the same class with an IoU of at least .5, each box used once
  float lowest_iou = 1;  // of the pairs
  float score_difference = 0;  // largest of the pairs
  float best_alone = 0;        // the highest score of a box of either list without its like
};
BoxAgreement compare_boxes(std::span<const detect::Detection> first,
                           std::span<const detect::Detection> second);

}  // namespace oko::convert

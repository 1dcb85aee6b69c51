#include "oko/convert/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "oko/image/geometry.h"

namespace oko::convert {

float largest_difference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return std::numeric_limits<float>::infinity();
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float difference = std::fabs(a[i] - b[i]);
    if (!(difference <= largest)) {
      largest = std::isnan(difference) ? std::numeric_limits<float>::infinity() : difference;
    }
  }
  return largest;
}

float largest_magnitude(std::span<const float> values) {
  float largest = 0;
  for (const float v : values) largest = std::max(largest, std::fabs(v));
  return largest;
}

BoxAgreement compare_boxes(std::span<const detect::Detection> first,
                           std::span<const detect::Detection> second) {
  BoxAgreement agreement{static_cast<int>(first.size()), static_cast<int>(second.size())};
  std::vector<bool> taken(second.size());
  for (const detect::Detection& box : first) {
    std::size_t best = second.size();
    float best_iou = .5F;
    for (std::size_t i = 0; i < second.size(); ++i) {
      if (taken[i] || second[i].class_id != box.class_id) continue;
      const float overlap = image::iou(box.box, second[i].box);
      if (overlap >= best_iou) best = i, best_iou = overlap;
    }
    if (best == second.size()) {
      agreement.best_alone = std::max(agreement.best_alone, box.score);
      continue;
    }
    taken[best] = true;
    ++agreement.matched;
    agreement.lowest_iou = std::min(agreement.lowest_iou, best_iou);
    agreement.score_difference =
        std::max(agreement.score_difference, std::fabs(box.score - second[best].score));
  }
  for (std::size_t i = 0; i < second.size(); ++i) {
    if (!taken[i]) agreement.best_alone = std::max(agreement.best_alone, second[i].score);
  }
  return agreement;
}

}  // namespace oko::convert

#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "oko/image/geometry.h"

namespace oko::detect {

struct Detection {
  int class_id = 0;  // from 0
  float score = 0;   // objectness × class probability
  image::Box box;    // pixels of the source image unless stated otherwise
};

enum class NmsKind {
  kPerClass,
  kClassAgnostic,  // boxes of different classes suppress each other too
  kSoft,           // per class; boxes that overlap a better one lose score instead of being dropped
};
constexpr auto words_of(NmsKind) {
  return std::to_array<std::string_view>({"per-class", "agnostic", "soft"});
}

struct Thresholds {
  float score = .25F;
  float iou = .45F;  // boxes that overlap more count as one object; not used by soft suppression
  NmsKind nms = NmsKind::kPerClass;
  float soft_sigma = .5F;             // for soft suppression, above 0
  int max_detections = 300;           // the best ones are kept; 0: no limit
  std::vector<float> class_scores{};  // one per class, instead of `score`; empty: none

  float score_of(int class_id) const {
    const auto id = static_cast<std::size_t>(class_id);
    return id < class_scores.size() ? class_scores[id] : score;
  }
  // No class accepts a score that is not above this.
  float lowest_score() const;
};

// Drops scores not above their class's threshold, keeps the best of boxes that overlap by more than
// thresholds.iou, and of those the best max_detections. Soft suppression (Bodla et al. 2017)
// repeatedly takes the best box and multiplies the scores of the remaining boxes of its class by
// exp(-iou² / soft_sigma). `diou_exponent` is that of graph::Network; soft suppression does not use
// it.
//
// The result is sorted by score, best first; ties by class, then in input order, so that it is the
// same on every machine. All boxes are considered, however many there are: n boxes cost a sort and
// at most n comparisons per kept box.
void suppress(std::vector<Detection>& boxes, const Thresholds& thresholds, float diou_exponent = 0);
std::vector<Detection> non_maximum_suppression(std::vector<Detection> boxes,
                                               const Thresholds& thresholds,
                                               float diou_exponent = 0);

}  // namespace oko::detect

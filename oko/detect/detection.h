#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "oko/image/geometry.h"

namespace oko::detect {

struct Detection {
  int class_id = 0;  // from 0
  float score = 0;   // objectness × class probability
  image::Box box;    // pixels of the source picture unless said otherwise
};

enum class NmsKind {
  kPerClass,
  kClassAgnostic,  // boxes of different classes suppress each other too
  kSoft,           // per class; boxes that overlap a better one lose score instead of going
};

struct Thresholds {
  float score = .25F;
  float iou = .45F;  // boxes that overlap more are one object; soft suppression does not use it
  NmsKind nms = NmsKind::kPerClass;
  float soft_sigma = .5F;             // of soft suppression, above 0
  int max_detections = 300;           // the best ones are kept; 0: no limit
  std::vector<float> class_scores{};  // one a class in place of `score`; empty: none

  float score_of(int class_id) const {
    const auto id = static_cast<std::size_t>(class_id);
    return id < class_scores.size() ? class_scores[id] : score;
  }
  // A score that is not above this passes for no class.
  float lowest_score() const;
};

// Drops scores not above their class's threshold, keeps the best of boxes that overlap by more than
// thresholds.iou, and of those the best max_detections. Soft suppression (Bodla et al. 2017) takes
// the best box again and again, and each time multiplies the scores of the boxes of its class that
// are left by exp(-iou² / soft_sigma). `diou_exponent` is graph::Network's; soft suppression does
// not use it.
//
// Result: by score, best first; equal scores by class, then in the order given, so that it is the
// same on every machine. All boxes are looked at, however many there are: n of them cost a sort and
// at most n comparisons for each that is kept.
void suppress(std::vector<Detection>& boxes, const Thresholds& thresholds,
              float diou_exponent = 0);
std::vector<Detection> non_maximum_suppression(std::vector<Detection> boxes,
                                               const Thresholds& thresholds,
                                               float diou_exponent = 0);

}  // namespace oko::detect

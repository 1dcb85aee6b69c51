#pragma once

#include <span>
#include <vector>

#include "oko/image/geometry.h"

namespace oko::detect {

struct Detection {
  int class_id = 0;
  float score = 0;  // objectness × class probability
  image::Box box;   // pixels of the source picture unless said otherwise
};

enum class NmsKind { kPerClass, kClassAgnostic };

struct Thresholds {
  float score = .25F;
  float iou = .45F;           // boxes of one class that overlap more are one object
  NmsKind nms = NmsKind::kPerClass;
  int max_detections = 300;   // the best ones are kept; 0: no limit
};

// Keeps the best of boxes that overlap by more than thresholds.iou, drops scores not above
// thresholds.score. Result: by score, best first; equal scores by class, then in the order given, so
// that it is the same on every machine.
std::vector<Detection> non_maximum_suppression(std::vector<Detection> boxes,
                                               const Thresholds& thresholds);

}  // namespace oko::detect

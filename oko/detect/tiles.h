#pragma once

#include <span>
#include <vector>

#include "oko/detect/detection.h"
#include "oko/image/geometry.h"

namespace oko::detect {

// What was found in one part of an image, in pixels of the image.
struct Part {
  image::Region region;
  std::vector<Detection> found;
};

// What was found in overlapping parts of `whole`, one of which is all of it, as the detections of
// one image. A box that ends at a seam, an edge of its part inside `whole`, shows a piece of an
// object and is dropped: a small object is whole in the next part, a large one in `whole`. So is a
// box longer than half of its part. Boxes of one part were suppressed already; of different parts
// they are the same object if they are of one class (any, with class-agnostic suppression) and
// overlap by more than thresholds.iou, also with soft suppression: the best is kept.
std::vector<Detection> merge(std::span<const Part> parts, const image::Region& whole,
                             const Thresholds& thresholds, float diou_exponent);

}  // namespace oko::detect

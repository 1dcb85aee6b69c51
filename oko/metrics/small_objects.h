#pragma once

#include <span>

#include "oko/metrics/average_precision.h"

namespace oko::metrics {

inline constexpr int kSmallSide = 32;  // pixels of the image: COCO's limit of small objects

// How well small objects are found: those whose box has an area below kSmallSide². By COCO's rule
// neither larger objects nor detections of them count: a detection is ignored if it matches a
// larger object, or if it is larger itself and overlaps no small one enough.
struct SmallObjects {
  int truths = 0;    // excluding difficult and crowd ones
  double map50 = 0;  // area; mean over the classes that have small objects, 0 without any
};
SmallObjects small_objects(std::span<const Picture> pictures, int classes);

}  // namespace oko::metrics

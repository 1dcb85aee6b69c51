#pragma once

#include <cstdint>
#include <vector>

#include "oko/base/random.h"
#include "oko/detect/detection.h"

namespace oko::track {

// An object as it is in a frame, whether a detector finds it or not.
struct Truth {
  std::uint64_t id = 0;
  int class_id = 0;
  image::Box box;      // of all of it
  image::Box visible;  // of what can be seen
  double share = 1;    // of its pixels that can be seen
};

struct ClipFrame {
  double seconds = 0;
  std::vector<Truth> truth;
  std::vector<detect::Detection> detections;
};

struct Clip {
  std::vector<ClipFrame> frames;
};

// Less can't be asked for: neither detectors nor scores are expected to see it.
constexpr double kLeastVisible = .25;

// What a middling detector finds: boxes that scatter, scores that fall and boxes that shrink where
// an object is covered, some objects missed, some that are not there.
struct Detecting {
  double scatter = .03;    // standard deviation of an edge, of the box's size
  double missed = .04;     // share of objects in full view
  double false_ones = .3;  // a frame
};
void detect_in(ClipFrame& frame, image::Size size, const Detecting& detecting, Random& random);

}  // namespace oko::track

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "oko/track/testing/scores.h"

namespace oko::track {

// What apps write first: a box is the object whose last box it overlaps most. No motion, no second
// look at low scores, and an object that was missed for `patience` frames is forgotten.
class PlainTracker {
 public:
  explicit PlainTracker(int patience = 15) : patience_(patience) {}
  std::vector<Claim> update(std::span<const detect::Detection> detections, float threshold);

 private:
  struct One {
    Claim claim;
    int missed = 0;
  };
  int patience_;
  std::uint64_t last_id_ = 0;
  std::vector<One> known_;
};

}  // namespace oko::track

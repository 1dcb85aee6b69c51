#include "oko/track/testing/plain_tracker.h"

#include <algorithm>
#include <cstddef>

namespace oko::track {

std::vector<Claim> PlainTracker::update(std::span<const detect::Detection> detections,
                                        float threshold) {
  constexpr float kLeast = .3F;
  std::vector<Claim> claims;
  std::vector<bool> taken(known_.size());
  std::vector<One> added;
  for (const detect::Detection& d : detections) {
    if (!(d.score > threshold)) continue;
    std::size_t best = known_.size();
    float overlap = kLeast;
    for (std::size_t i = 0; i < known_.size(); ++i) {
      const float iou = image::iou(known_[i].claim.box, d.box);
      if (!taken[i] && known_[i].claim.class_id == d.class_id && iou > overlap) {
        best = i;
        overlap = iou;
      }
    }
    if (best < known_.size()) {
      taken[best] = true;
      known_[best].claim.box = d.box;
      claims.push_back(known_[best].claim);
    } else {
      added.push_back({{++last_id_, d.class_id, d.box}, 0});
      claims.push_back(added.back().claim);
    }
  }
  for (std::size_t i = 0; i < known_.size(); ++i)
    known_[i].missed = taken[i] ? 0 : known_[i].missed + 1;
  std::erase_if(known_, [&](const One& one) { return one.missed > patience_; });
  known_.insert(known_.end(), added.begin(), added.end());
  return claims;
}

}  // namespace oko::track

#include "oko/detect/tiles.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "oko/detect/overlap.h"

namespace oko::detect {
namespace {

// A detector rarely draws what is cut exactly to the edge.
constexpr float kAtSeam = .02F;  // of the side of a part

bool ends_at(float edge, int seam, int side) {
  return std::abs(edge - static_cast<float>(seam)) <= kAtSeam * static_cast<float>(side);
}

// Whether the box ends at an edge of its part that is not one of the whole image.
bool is_piece(const image::Box& box, const image::Region& part, const image::Region& whole) {
  const int right = part.left + part.width, bottom = part.top + part.height;
  return (part.left > whole.left && ends_at(box.left, part.left, part.width)) ||
         (part.top > whole.top && ends_at(box.top, part.top, part.height)) ||
         (right < whole.left + whole.width && ends_at(box.right, right, part.width)) ||
         (bottom < whole.top + whole.height && ends_at(box.bottom, bottom, part.height));
}

// What fills more of a tile is shown better by the whole image; from a tile it is often only a part
// of something, such as a head.
constexpr float kLargest = .5F;  // of a tile's side

bool is_large(const image::Box& box, const image::Region& part) {
  return box.width() > kLargest * static_cast<float>(part.width) ||
         box.height() > kLargest * static_cast<float>(part.height);
}

struct Candidate {
  Detection detection;
  std::size_t part = 0;
};

// Best first; ties by class, then in the order of the parts, so that it is the same everywhere.
std::vector<Candidate> candidates_of(std::span<const Part> parts, const image::Region& whole) {
  std::vector<Candidate> candidates;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const image::Region& region = parts[p].region;
    const bool is_tile = region != whole;
    for (const Detection& d : parts[p].found) {
      if (is_tile && (is_large(d.box, region) || is_piece(d.box, region, whole))) continue;
      candidates.push_back({d, p});
    }
  }
  std::ranges::stable_sort(candidates, [](const Candidate& a, const Candidate& b) {
    if (a.detection.score != b.detection.score) return a.detection.score > b.detection.score;
    return a.detection.class_id < b.detection.class_id;
  });
  return candidates;
}

}  // namespace

std::vector<Detection> merge(std::span<const Part> parts, const image::Region& whole,
                             const Thresholds& thresholds, float diou_exponent) {
  const auto group_of = [&](const Detection& d) {
    return thresholds.nms == NmsKind::kClassAgnostic ? 0 : static_cast<std::size_t>(d.class_id);
  };
  std::vector<std::vector<Candidate>> kept;  // by group
  std::vector<Detection> merged;
  for (const Candidate& candidate : candidates_of(parts, whole)) {
    if (thresholds.max_detections > 0 && std::ssize(merged) == thresholds.max_detections) break;
    const std::size_t group = group_of(candidate.detection);
    if (group >= kept.size()) kept.resize(group + 1);
    const bool known = std::ranges::any_of(kept[group], [&](const Candidate& other) {
      return other.part != candidate.part &&
             overlap(other.detection.box, candidate.detection.box, diou_exponent) > thresholds.iou;
    });
    if (known) continue;
    kept[group].push_back(candidate);
    merged.push_back(candidate.detection);
  }
  return merged;
}

}  // namespace oko::detect

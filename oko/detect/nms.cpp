#include <algorithm>
#include <map>

#include "oko/detect/detection.h"

namespace oko::detect {

std::vector<Detection> non_maximum_suppression(std::vector<Detection> boxes,
                                               const Thresholds& thresholds) {
  std::erase_if(boxes, [&](const Detection& d) { return !(d.score > thresholds.score); });
  std::stable_sort(boxes.begin(), boxes.end(), [](const Detection& a, const Detection& b) {
    return a.score != b.score ? a.score > b.score : a.class_id < b.class_id;
  });
  const bool agnostic = thresholds.nms == NmsKind::kClassAgnostic;
  const std::size_t limit = thresholds.max_detections > 0
                                ? static_cast<std::size_t>(thresholds.max_detections)
                                : boxes.size();
  std::map<int, std::vector<image::Box>> kept_boxes;
  std::vector<Detection> kept;
  for (const Detection& candidate : boxes) {
    if (kept.size() == limit) break;
    auto& rivals = kept_boxes[agnostic ? 0 : candidate.class_id];
    const bool covered = std::any_of(rivals.begin(), rivals.end(), [&](const image::Box& rival) {
      return image::iou(rival, candidate.box) > thresholds.iou;
    });
    if (covered) continue;
    rivals.push_back(candidate.box);
    kept.push_back(candidate);
  }
  return kept;
}

}  // namespace oko::detect

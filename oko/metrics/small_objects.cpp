#include "oko/metrics/small_objects.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace oko::metrics {
namespace {

bool is_small(const image::Box& box) {
  return box.area() < static_cast<float>(kSmallSide * kSmallSide);
}

// The image with larger objects as difficult ones, and without detections that are larger and
// belong to no small object.
Picture small_part(const Picture& picture, double iou) {
  Picture part = picture;
  for (TrueBox& truth : part.truth) truth.difficult |= !is_small(truth.box);
  std::erase_if(part.found, [&](const detect::Detection& found) {
    return !is_small(found.box) && std::ranges::none_of(picture.truth, [&](const TrueBox& truth) {
      return truth.class_id == found.class_id && is_small(truth.box) &&
             image::iou(truth.box, found.box) >= static_cast<float>(iou);
    });
  });
  return part;
}

}  // namespace

SmallObjects small_objects(std::span<const Picture> pictures, int classes) {
  const Options options;
  std::vector<Picture> parts;
  for (const Picture& picture : pictures) parts.push_back(small_part(picture, options.iou));
  const std::vector<ClassResult> results = evaluate(parts, classes, options);
  SmallObjects small;
  for (const ClassResult& result : results) small.truths += result.truths;
  small.map50 = mean_average_precision(results, Interpolation::kArea);
  return small;
}

}  // namespace oko::metrics

#include "oko/track/testing/clip.h"

#include <algorithm>
#include <cmath>

namespace oko::track {

void detect_in(ClipFrame& frame, image::Size size, const Detecting& detecting, Random& random) {
  const auto edge = [&](float at, float length) {
    return at + static_cast<float>(random.normal() * detecting.scatter) * length;
  };
  for (const Truth& truth : frame.truth) {
    if (truth.share < .1 || random.chance(detecting.missed)) continue;
    const double certainty = .88 * std::sqrt(truth.share) + .1 * random.normal();
    const float score = static_cast<float>(std::clamp(certainty, 0., .99));
    if (score < .05F) continue;
    const image::Box& b = truth.visible;
    const image::Box found = image::clipped({edge(b.left, b.width()), edge(b.top, b.height()),
                                             edge(b.right, b.width()), edge(b.bottom, b.height())},
                                            size);
    if (found.area() > 0) frame.detections.push_back({truth.class_id, score, found});
  }
  for (double left = detecting.false_ones; left > 0 && random.chance(left); left -= 1) {
    const auto x = static_cast<float>(random.uniform(0, size.width)),
               y = static_cast<float>(random.uniform(0, size.height)),
               side = static_cast<float>(random.uniform(.03, .15) * size.height);
    frame.detections.push_back({0, static_cast<float>(random.uniform(.1, .45)),
                                image::clipped({x, y, x + side, y + side}, size)});
  }
  std::ranges::stable_sort(frame.detections, std::ranges::greater(), &detect::Detection::score);
}

}  // namespace oko::track

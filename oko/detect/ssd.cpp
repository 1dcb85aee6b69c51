#include "oko/detect/ssd.h"

#include <algorithm>

#include "oko/detect/distances.h"
#include "oko/detect/exponential.h"

namespace oko::detect {
namespace {

// An anchor in one cell. The values of a cell are one plane apart.
struct Prior {
  const graph::Head& grid;
  const graph::Ssd& head;
  HeadMap map;
  int anchor = 0, cell = 0;

  float value(std::ptrdiff_t channel) const { return map[channel * grid.cells() + cell]; }
  // 0 is the background.
  float logit(int id) const { return value(std::ptrdiff_t{anchor} * (1 + head.classes) + id); }
  float box_value(int i) const {
    const auto classes = std::ssize(head.anchors) * (1 + head.classes);
    return value(classes + std::ptrdiff_t{anchor} * 4 + i);
  }

  float largest_logit(int first) const {
    float most = logit(first);
    for (int id = first + 1; id <= head.classes; ++id) most = std::max(most, logit(id));
    return most;
  }
  float sum(float most) const {
    float total = 0;
    for (int id = 0; id <= head.classes; ++id) total += exponential(logit(id) - most);
    return total;
  }

  image::Box box() const {
    const graph::Anchor& size = head.anchors[anchor];
    const auto row = static_cast<float>(cell / grid.width) + .5F;
    const auto column = static_cast<float>(cell % grid.width) + .5F;
    const float x = column * grid.cell_width + box_value(0) * head.centre_variance * size.width;
    const float y = row * grid.cell_height + box_value(1) * head.centre_variance * size.height;
    const float w = exponential(box_value(2) * head.size_variance) * size.width;
    const float h = exponential(box_value(3) * head.size_variance) * size.height;
    return {x - w / 2, y - h / 2, x + w / 2, y + h / 2};
  }
};

template <typename Visit>
void for_each_prior(const graph::Head& grid, const graph::Ssd& head, HeadMap map,
                    const Visit& visit) {
  for (int anchor = 0; anchor < static_cast<int>(head.anchors.size()); ++anchor) {
    for (int cell = 0; cell < grid.cells(); ++cell) visit(Prior{grid, head, map, anchor, cell});
  }
}

}  // namespace

void decode_head(const graph::Head& grid, const graph::Ssd& head, HeadMap map,
                 const Thresholds& thresholds, std::vector<Detection>& found) {
  const float lowest = thresholds.lowest_score();
  for_each_prior(grid, head, map, [&](const Prior& prior) {
    const float object = prior.largest_logit(1), most = std::max(object, prior.logit(0));
    // A sum is at least the background's part and the largest one's.
    const float share = exponential(object - most);
    if (!(share / (share + exponential(prior.logit(0) - most)) > lowest * .9999F)) return;
    const float sum = prior.sum(most);
    image::Box box;
    bool made = false;
    for (int id = 0; id < head.classes; ++id) {
      const float score = exponential(prior.logit(1 + id) - most) / sum;
      if (!(score > thresholds.score_of(id))) continue;
      if (!made) box = prior.box();
      made = true;
      if (is_finite(box)) found.push_back({id, score, box});
    }
  });
}

float best_head_score(const graph::Head& grid, const graph::Ssd& head, HeadMap map) {
  float best = 0;
  for_each_prior(grid, head, map, [&](const Prior& prior) {
    const float object = prior.largest_logit(1), most = std::max(object, prior.logit(0));
    best = std::max(best, exponential(object - most) / prior.sum(most));
  });
  return best;
}

}  // namespace oko::detect

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
  // 0 is the background, if the head has it.
  float logit(int i) const { return value(std::ptrdiff_t{anchor} * head.logits() + i); }
  float box_value(int i) const {
    const auto logits = std::ssize(head.anchors) * head.logits();
    return value(logits + std::ptrdiff_t{anchor} * 4 + i);
  }

  float largest_logit(int first) const {
    float most = logit(first);
    for (int i = first + 1; i < head.logits(); ++i) most = std::max(most, logit(i));
    return most;
  }
  float sum(float most) const {
    float total = 0;
    for (int i = 0; i < head.logits(); ++i) total += exponential(logit(i) - most);
    return total;
  }

  image::Box box() const {
    const graph::Anchor& size = head.anchors[anchor];
    const auto row = static_cast<float>(cell / grid.width) + head.prior;
    const auto column = static_cast<float>(cell % grid.width) + head.prior;
    const float x = column * grid.cell_width + box_value(0) * head.centre_variance * size.width;
    const float y = row * grid.cell_height + box_value(1) * head.centre_variance * size.height;
    const float w = part(box_value(2)) * size.width, h = part(box_value(3)) * size.height;
    return {x - w / 2, y - h / 2, x + w / 2, y + h / 2};
  }
  float part(float wide) const {  // of the anchor's side
    const float scaled = wide * head.size_variance;
    return head.linear ? std::max(scaled, 0.F) : exponential(scaled);
  }
};

template <typename Visit>
void for_each_prior(const graph::Head& grid, const graph::Ssd& head, HeadMap map,
                    const Visit& visit) {
  for (int anchor = 0; anchor < static_cast<int>(head.anchors.size()); ++anchor) {
    for (int cell = 0; cell < grid.cells(); ++cell) visit(Prior{grid, head, map, anchor, cell});
  }
}

// Adds the boxes of a prior whose score, score(id), is high enough.
template <typename Score>
void add_boxes(const Prior& prior, const Thresholds& thresholds, const Score& score_of,
               std::vector<Detection>& found) {
  image::Box box;
  bool made = false;
  for (int id = 0; id < prior.head.classes; ++id) {
    const float score = score_of(id);
    if (!(score > thresholds.score_of(id))) continue;
    if (!made) box = prior.box();
    made = true;
    if (is_finite(box)) found.push_back({id, score, box});
  }
}

}  // namespace

void decode_head(const graph::Head& grid, const graph::Ssd& head, HeadMap map,
                 const Thresholds& thresholds, std::vector<Detection>& found) {
  const float lowest = thresholds.lowest_score();
  const float floor = raw_floor(lowest);
  for_each_prior(grid, head, map, [&](const Prior& prior) {
    if (head.sigmoid) {
      if (!(prior.largest_logit(0) > floor)) return;
      add_boxes(
          prior, thresholds, [&](int id) { return sigmoid(prior.logit(id)); }, found);
      return;
    }
    const float object = prior.largest_logit(1), most = std::max(object, prior.logit(0));
    // A sum is at least the background's part and the largest one's.
    const float share = exponential(object - most);
    if (!(share / (share + exponential(prior.logit(0) - most)) > lowest * .9999F)) return;
    const float sum = prior.sum(most);
    const auto score = [&](int id) { return exponential(prior.logit(1 + id) - most) / sum; };
    add_boxes(prior, thresholds, score, found);
  });
}

float best_head_score(const graph::Head& grid, const graph::Ssd& head, HeadMap map) {
  float best = 0;
  for_each_prior(grid, head, map, [&](const Prior& prior) {
    if (head.sigmoid) {
      best = std::max(best, sigmoid(prior.largest_logit(0)));
      return;
    }
    const float object = prior.largest_logit(1), most = std::max(object, prior.logit(0));
    best = std::max(best, exponential(object - most) / prior.sum(most));
  });
  return best;
}

}  // namespace oko::detect

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "oko/detect/detection.h"
#include "oko/detect/exponential.h"
#include "oko/detect/overlap.h"

namespace oko::detect {
namespace {

// One candidate box. `order` is its index in the input.
struct Candidate {
  float score = 0;
  int class_id = 0;
  std::uint32_t order = 0;
};

// The order of results. No two candidates are equal, so every sort gives the same order.
bool better(const Candidate& a, const Candidate& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.class_id != b.class_id ? a.class_id < b.class_id : a.order < b.order;
}

std::size_t limit_of(const Thresholds& thresholds) {
  return thresholds.max_detections > 0 ? static_cast<std::size_t>(thresholds.max_detections)
                                       : std::numeric_limits<std::size_t>::max();
}

std::vector<Candidate> candidates_of(const std::vector<Detection>& boxes) {
  std::vector<Candidate> candidates(boxes.size());
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    candidates[i] = {boxes[i].score, boxes[i].class_id, static_cast<std::uint32_t>(i)};
  }
  return candidates;
}

void suppress_hard(std::vector<Detection>& boxes, const Thresholds& thresholds,
                   float diou_exponent) {
  std::vector<Candidate> candidates = candidates_of(boxes);
  std::sort(candidates.begin(), candidates.end(), better);
  const auto group_of = [&](const auto& box) {
    return thresholds.nms == NmsKind::kClassAgnostic ? 0 : static_cast<std::size_t>(box.class_id);
  };
  std::size_t groups = 0;
  for (const Detection& d : boxes) groups = std::max(groups, group_of(d) + 1);
  std::vector<std::vector<image::Box>> kept_boxes(groups);
  const std::size_t limit = limit_of(thresholds);
  std::vector<Detection> kept;
  for (const Candidate& c : candidates) {
    if (kept.size() == limit) break;
    const Detection& candidate = boxes[c.order];
    auto& rivals = kept_boxes[group_of(c)];
    const bool covered = std::any_of(rivals.begin(), rivals.end(), [&](const image::Box& rival) {
      return overlap(rival, candidate.box, diou_exponent) > thresholds.iou;
    });
    if (covered) continue;
    rivals.push_back(candidate.box);
    kept.push_back(candidate);
  }
  boxes.assign(kept.begin(), kept.end());
}

// The remaining candidates of one class: a part of one array, the best first.
class SoftClass {
 public:
  explicit SoftClass(std::span<Candidate> candidates) : left_(candidates) {}

  bool empty() const { return left_.empty(); }
  const Candidate& best() const { return left_.front(); }

  // Removes the best box; those that overlap it lose score and are dropped if it becomes too low.
  void take_best(const std::vector<Detection>& boxes, const Thresholds& thresholds) {
    const image::Box& taken = boxes[best().order].box;
    const float threshold = thresholds.score_of(best().class_id);
    std::size_t count = 0;
    for (Candidate c : left_.subspan(1)) {
      const float overlap = image::iou(taken, boxes[c.order].box);
      if (overlap > 0) {
        c.score *= exponential(-(overlap * overlap) / thresholds.soft_sigma);
        if (!(c.score > threshold)) continue;
      }
      left_[count++] = c;
      if (better(c, best())) std::swap(left_[count - 1], left_[0]);
    }
    left_ = left_.first(count);
  }

 private:
  std::span<Candidate> left_;
};

std::vector<SoftClass> classes_of(std::vector<Candidate>& candidates) {
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.class_id != b.class_id ? a.class_id < b.class_id : better(a, b);
  });
  std::vector<SoftClass> classes;
  for (auto first = candidates.begin(); first != candidates.end();) {
    const auto last = std::find_if(
        first, candidates.end(), [&](const Candidate& c) { return c.class_id != first->class_id; });
    classes.emplace_back(std::span(&*first, static_cast<std::size_t>(last - first)));
    first = last;
  }
  return classes;
}

void suppress_softly(std::vector<Detection>& boxes, const Thresholds& thresholds) {
  std::vector<Candidate> candidates = candidates_of(boxes);
  std::vector<SoftClass> classes = classes_of(candidates);
  const std::size_t limit = limit_of(thresholds);
  assert(thresholds.soft_sigma > 0);
  std::vector<Detection> kept;
  while (kept.size() < limit && !classes.empty()) {
    const auto next = std::min_element(
        classes.begin(), classes.end(),
        [](const SoftClass& a, const SoftClass& b) { return better(a.best(), b.best()); });
    kept.push_back(boxes[next->best().order]);
    kept.back().score = next->best().score;
    next->take_best(boxes, thresholds);
    if (next->empty()) classes.erase(next);
  }
  boxes.assign(kept.begin(), kept.end());
}

}  // namespace

float overlap(const image::Box& a, const image::Box& b, float diou_exponent) {
  const float iou = image::iou(a, b);
  if (diou_exponent == 0) return iou;
  const double x = (a.left + a.right - b.left - b.right) / 2,
               y = (a.top + a.bottom - b.top - b.bottom) / 2,
               width = std::max(a.right, b.right) - std::min(a.left, b.left),
               height = std::max(a.bottom, b.bottom) - std::min(a.top, b.top),
               diagonal = width * width + height * height;  // squared, like the distance below
  if (!(diagonal > 0)) return iou;
  return iou - static_cast<float>(std::pow((x * x + y * y) / diagonal, double{diou_exponent}));
}

float Thresholds::lowest_score() const {
  const auto lowest = std::min_element(class_scores.begin(), class_scores.end());
  return lowest == class_scores.end() ? score : *lowest;
}

void suppress(std::vector<Detection>& boxes, const Thresholds& thresholds, float diou_exponent) {
  std::erase_if(boxes, [&](const Detection& d) {
    assert(d.class_id >= 0);
    return !(d.score > thresholds.score_of(d.class_id));
  });
  if (thresholds.nms == NmsKind::kSoft) {
    suppress_softly(boxes, thresholds);
  } else {
    suppress_hard(boxes, thresholds, diou_exponent);
  }
}

std::vector<Detection> non_maximum_suppression(std::vector<Detection> boxes,
                                               const Thresholds& thresholds, float diou_exponent) {
  suppress(boxes, thresholds, diou_exponent);
  return boxes;
}

}  // namespace oko::detect

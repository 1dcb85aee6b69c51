// COCO's evaluation, by the rules of its own program: one class and image at a time, detections by
// descending score, each to the unmatched truth it overlaps most, real truths before ignored ones.
// One intentional difference: ten of that program's 101 recalls (.35, .41, …) are a rounding error
// too high, so that it does not count a recall of exactly .35 as reached; here it counts. On small
// sets the AP can differ by about 1e-4 because of this.

#include <algorithm>
#include <array>
#include <functional>
#include <limits>

#include "oko/metrics/average_precision.h"
#include "oko/metrics/matching.h"

namespace oko::metrics {
namespace {

constexpr std::size_t kThresholds = 10;      // IoU .50, .55, … .95
constexpr std::size_t kMaxPerPicture = 100;  // detections of one class that count

double threshold_at(std::size_t i) { return (10 + static_cast<double>(i)) / 20; }

// A detection and its result at each threshold.
struct Judged {
  float score = 0;
  std::array<bool, kThresholds> right{}, ignored{};
};

struct ClassBoxes {
  std::vector<const TrueBox*> truth;            // real ones first
  std::vector<const detect::Detection*> found;  // best first
};

bool is_ignored(const TrueBox* truth) { return truth->crowd || truth->difficult; }

// The boxes of one image by class.
void sort_in(const Picture& picture, std::vector<ClassBoxes>& by_class) {
  for (auto& boxes : by_class) boxes = {};
  for (const auto& truth : picture.truth) {
    by_class[truth.class_id].truth.push_back(&truth);
  }
  for (const auto& found : picture.found) {
    by_class[found.class_id].found.push_back(&found);
  }
  for (auto& boxes : by_class) {
    std::stable_partition(boxes.truth.begin(), boxes.truth.end(),
                          [](const TrueBox* t) { return !is_ignored(t); });
    std::ranges::stable_sort(boxes.found, std::ranges::greater{}, &detect::Detection::score);
    if (boxes.found.size() > kMaxPerPicture) boxes.found.resize(kMaxPerPicture);
  }
}

// Overlaps of one detection with every truth.
std::vector<double> overlaps(const detect::Detection& found, const ClassBoxes& boxes) {
  std::vector<double> shared;
  for (const TrueBox* truth : boxes.truth) {
    shared.push_back(truth->crowd ? share_inside(found.box, truth->box)
                                  : overlap(found.box, truth->box));
  }
  return shared;
}

// The truth that a detection matches, or none (the count of truths). The last one wins ties.
std::size_t match(const ClassBoxes& boxes, std::span<const double> shared,
                  const std::vector<bool>& taken, double threshold) {
  std::size_t best = boxes.truth.size();
  double least = threshold;
  for (std::size_t i = 0; i < boxes.truth.size(); ++i) {
    const TrueBox* truth = boxes.truth[i];
    if (taken[i] && !truth->crowd) continue;
    const bool has_real = best < boxes.truth.size() && !is_ignored(boxes.truth[best]);
    if (has_real && is_ignored(truth)) break;
    if (shared[i] < least) continue;
    least = shared[i];
    best = i;
  }
  return best;
}

void judge(const ClassBoxes& boxes, std::vector<Judged>& judged) {
  if (boxes.found.empty()) return;
  const std::size_t truths = boxes.truth.size();
  std::array<std::vector<bool>, kThresholds> taken;
  taken.fill(std::vector<bool>(truths));
  for (const detect::Detection* found : boxes.found) {
    const auto shared = overlaps(*found, boxes);
    Judged verdict{found->score, {}, {}};
    for (std::size_t t = 0; t < kThresholds; ++t) {
      const std::size_t to = match(boxes, shared, taken[t], threshold_at(t));
      if (to == truths) continue;
      taken[t][to] = true;
      verdict.ignored[t] = is_ignored(boxes.truth[to]);
      verdict.right[t] = !verdict.ignored[t];
    }
    judged.push_back(verdict);
  }
}

struct ClassTally {
  int truths = 0;
  std::vector<Judged> judged;
};

double average_precision_at(const ClassTally& tally, std::size_t threshold) {
  ClassResult result;
  result.truths = tally.truths;
  for (const Judged& judged : tally.judged) {
    if (judged.ignored[threshold]) continue;
    ++(judged.right[threshold] ? result.true_positives : result.false_positives);
    const double right = result.true_positives, all = right + result.false_positives;
    result.curve.push_back(
        {judged.score, static_cast<float>(right / all), static_cast<float>(right / result.truths)});
  }
  return average_precision(result, Interpolation::kPoints101);
}

}  // namespace

CocoSummary coco_summary(std::span<const Picture> pictures, int classes) {
  check_classes(pictures, classes);
  std::vector<ClassTally> tallies(static_cast<std::size_t>(classes));
  std::vector<ClassBoxes> by_class(tallies.size());
  for (const auto& picture : pictures) {
    sort_in(picture, by_class);
    for (std::size_t id = 0; id < tallies.size(); ++id) {
      const auto& truth = by_class[id].truth;
      tallies[id].truths += static_cast<int>(std::ranges::count_if(truth, std::not_fn(is_ignored)));
      judge(by_class[id], tallies[id].judged);
    }
  }
  CocoSummary summary;
  int counted = 0;
  for (auto& tally : tallies) {
    summary.ap50_by_class.push_back(std::numeric_limits<double>::quiet_NaN());
    if (tally.truths == 0) continue;
    ++counted;
    std::ranges::stable_sort(tally.judged, std::ranges::greater{}, &Judged::score);
    std::array<double, kThresholds> ap;
    for (std::size_t t = 0; t < kThresholds; ++t) ap[t] = average_precision_at(tally, t);
    for (const double value : ap) summary.ap += value / kThresholds;
    summary.ap50 += ap[0];
    summary.ap75 += ap[5];
    summary.ap50_by_class.back() = ap[0];
  }
  if (counted == 0) return summary;
  summary.ap /= counted;
  summary.ap50 /= counted;
  summary.ap75 /= counted;
  return summary;
}

}  // namespace oko::metrics

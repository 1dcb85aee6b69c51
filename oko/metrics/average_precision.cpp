#include "oko/metrics/average_precision.h"

#include <algorithm>
#include <cstdint>
#include <functional>

#include "oko/metrics/matching.h"

namespace oko::metrics {
namespace {

using detect::Detection;

// A detection and its image.
struct Ranked {
  float score = 0;
  std::uint32_t picture = 0, index = 0;
};

// Detections of every class, best first; ties in the order of images, then input order.
std::vector<std::vector<Ranked>> rank_by_class(std::span<const Picture> pictures, int classes) {
  std::vector<std::vector<Ranked>> ranked(static_cast<std::size_t>(classes));
  for (std::size_t p = 0; p < pictures.size(); ++p) {
    const auto& found = pictures[p].found;
    for (std::size_t i = 0; i < found.size(); ++i) {
      ranked[found[i].class_id].push_back(
          {found[i].score, static_cast<std::uint32_t>(p), static_cast<std::uint32_t>(i)});
    }
  }
  for (auto& list : ranked) {
    std::ranges::stable_sort(list, std::ranges::greater{}, &Ranked::score);
  }
  return ranked;
}

enum class Verdict { kRight, kWrong, kIgnored };

// Judges detections in sequence and remembers which truths are matched.
class Judge {
 public:
  Judge(std::span<const Picture> pictures, const Options& options)
      : pictures_(pictures), options_(options) {
    for (const auto& picture : pictures) taken_.emplace_back(picture.truth.size());
  }

  Verdict judge(const Ranked& ranked) {
    const Picture& picture = pictures_[ranked.picture];
    const Detection& found = picture.found[ranked.index];
    double best = -1;
    std::size_t best_index = 0;
    for (std::size_t i = 0; i < picture.truth.size(); ++i) {
      const TrueBox& truth = picture.truth[i];
      if (truth.class_id != found.class_id || truth.crowd) continue;
      const double shared = overlap(found.box, truth.box, options_.inclusive_pixels ? 1 : 0);
      if (shared <= best) continue;
      best = shared;
      best_index = i;
    }
    if (best < options_.iou) return in_crowd(found, picture) ? Verdict::kIgnored : Verdict::kWrong;
    if (picture.truth[best_index].difficult) return Verdict::kIgnored;
    auto taken = taken_[ranked.picture][best_index];
    if (taken) return Verdict::kWrong;
    taken = true;
    return Verdict::kRight;
  }

 private:
  bool in_crowd(const Detection& found, const Picture& picture) const {
    return std::ranges::any_of(picture.truth, [&](const TrueBox& truth) {
      return truth.crowd && truth.class_id == found.class_id &&
             share_inside(found.box, truth.box) >= options_.iou;
    });
  }

  std::span<const Picture> pictures_;
  Options options_;
  std::vector<std::vector<bool>> taken_;
};

void add(ClassResult& result, Verdict verdict, float score) {
  if (verdict == Verdict::kIgnored) return;
  ++(verdict == Verdict::kRight ? result.true_positives : result.false_positives);
  const double right = result.true_positives, all = right + result.false_positives;
  CurvePoint point{score, static_cast<float>(right / all), 0};
  if (result.truths > 0) point.recall = static_cast<float>(right / result.truths);
  result.curve.push_back(point);
}

// Interpolated precision: at each point the best precision at this or any higher recall.
std::vector<float> envelope(std::span<const CurvePoint> curve) {
  std::vector<float> best(curve.size());
  float highest = 0;
  for (std::size_t i = curve.size(); i > 0; --i) {
    highest = std::max(highest, curve[i - 1].precision);
    best[i - 1] = highest;
  }
  return best;
}

double area_under(std::span<const CurvePoint> curve, std::span<const float> precision) {
  double area = 0, reached = 0;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    area += (curve[i].recall - reached) * precision[i];
    reached = curve[i].recall;
  }
  return area;
}

double mean_at_recalls(std::span<const CurvePoint> curve, std::span<const float> precision,
                       int points) {
  double sum = 0;
  std::size_t i = 0;
  for (int k = 0; k < points; ++k) {
    // Rounded like the curve's recalls, so that 3 of 10 reaches .3.
    const auto recall = static_cast<float>(static_cast<double>(k) / (points - 1));
    while (i < curve.size() && curve[i].recall < recall) ++i;
    if (i == curve.size()) break;
    sum += precision[i];
  }
  return sum / points;
}

}  // namespace

std::vector<ClassResult> evaluate(std::span<const Picture> pictures, int classes,
                                  const Options& options) {
  check_classes(pictures, classes);
  std::vector<ClassResult> results(static_cast<std::size_t>(classes));
  for (int id = 0; id < classes; ++id) results[id].class_id = id;
  for (const auto& picture : pictures) {
    for (const auto& truth : picture.truth) {
      if (truth.difficult || truth.crowd) continue;
      ++results[truth.class_id].truths;
    }
  }
  Judge judge(pictures, options);
  const auto ranked = rank_by_class(pictures, classes);
  for (std::size_t id = 0; id < ranked.size(); ++id) {
    for (const Ranked& found : ranked[id]) add(results[id], judge.judge(found), found.score);
  }
  return results;
}

double average_precision(const ClassResult& result, Interpolation interpolation) {
  if (result.truths == 0) return 0;
  const auto precision = envelope(result.curve);
  switch (interpolation) {
    case Interpolation::kArea:
      return area_under(result.curve, precision);
    case Interpolation::kPoints11:
      return mean_at_recalls(result.curve, precision, 11);
    case Interpolation::kPoints101:
      return mean_at_recalls(result.curve, precision, 101);
  }
  return 0;
}

double mean_average_precision(std::span<const ClassResult> results, Interpolation interpolation) {
  double sum = 0;
  int counted = 0;
  for (const auto& result : results) {
    if (result.truths == 0) continue;
    sum += average_precision(result, interpolation);
    ++counted;
  }
  return counted > 0 ? sum / counted : 0;
}

BestF1 best_f1(std::span<const ClassResult> results) {
  struct Event {
    float score;
    bool right;
  };
  std::vector<Event> events;
  double truths = 0;
  for (const auto& result : results) {
    truths += result.truths;
    float recall = 0;
    for (const auto& point : result.curve) {
      events.push_back({point.score, point.recall > recall});
      recall = point.recall;
    }
  }
  std::ranges::stable_sort(events, std::ranges::greater{}, &Event::score);
  BestF1 best;
  double right = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].right) ++right;
    if (i + 1 < events.size() && events[i + 1].score == events[i].score) continue;
    const double found = static_cast<double>(i) + 1, f1 = 2 * right / (found + truths);
    if (f1 <= best.f1) continue;
    best = {events[i].score, static_cast<float>(right / found), static_cast<float>(right / truths),
            static_cast<float>(f1)};
  }
  return best;
}

}  // namespace oko::metrics

#include "oko/run/recommend.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "oko/graph/about.h"

namespace oko::run {
namespace {

using metrics::ClassResult;

// The highest score below `score` that was measured.
float next_below(std::span<const ClassResult> results, float score) {
  float next = measuring_thresholds().score;
  for (const ClassResult& result : results) {
    for (const metrics::CurvePoint& point : result.curve) {
      if (point.score < score) {
        next = std::max(next, point.score);
        break;
      }
    }
  }
  return std::min(next, score);
}

// Detections count above a threshold, so it must be below the lowest score that should: not less
// than the next one, and with three decimals where there is room.
float below(std::span<const ClassResult> results, float score) {
  const float next = next_below(results, score), middle = next + (score - next) / 2;
  const float rounded = std::round(middle * 1000) / 1000;
  for (const float threshold : {rounded, middle}) {
    if (next <= threshold && threshold < score) return threshold;
  }
  return next;
}

// 0 if nothing was found correctly.
float best_of(std::span<const ClassResult> results) {
  const float score = metrics::best_f1(results).score;
  return score > 0 ? below(results, score) : 0;
}

}  // namespace

std::vector<float> recommended_thresholds(const Evaluation& evaluation) {
  const float overall = best_of(evaluation.iou50);
  if (!(overall > 0)) return {};
  std::vector<float> thresholds;
  for (const ClassResult& result : evaluation.iou50) {
    const float own = result.truths >= kEnoughObjects ? best_of(std::span(&result, 1)) : 0;
    thresholds.push_back(own > 0 ? own : overall);
  }
  return thresholds;
}

std::vector<float> recommended_thresholds(const Evaluation& evaluation,
                                          const graph::Network& network) {
  const std::vector<float> by_class = recommended_thresholds(evaluation);
  if (by_class.empty()) return {};
  std::vector<float> thresholds(static_cast<std::size_t>(network.class_count()),
                                best_of(evaluation.iou50));
  const std::size_t named = std::min(thresholds.size(), network.classes.size());
  for (std::size_t i = 0; i < named; ++i) {
    const auto found = std::ranges::find(evaluation.classes, network.classes[i]);
    if (found != evaluation.classes.end()) {
      thresholds[i] = by_class[static_cast<std::size_t>(found - evaluation.classes.begin())];
    }
  }
  return thresholds;
}

void set_evaluation(graph::Network& network, const Evaluation& evaluation,
                    const std::string& dataset, const std::string& split, const std::string& hash) {
  graph::Measured measured;
  measured.map50 = evaluation.map50;
  measured.map = evaluation.coco.ap;
  measured.images = static_cast<std::int64_t>(evaluation.measured());
  measured.dataset = dataset;
  measured.split = split;
  measured.hash = hash;
  graph::set_measured(
      network, measured,
      {{"best_f1", evaluation.best_f1.f1}, {"best_f1_score", evaluation.best_f1.score}});
  graph::set_thresholds(network, recommended_thresholds(evaluation, network));
}

}  // namespace oko::run

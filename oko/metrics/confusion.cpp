#include <algorithm>
#include <functional>

#include "oko/metrics/average_precision.h"
#include "oko/metrics/matching.h"

namespace oko::metrics {
namespace {

struct Pair {
  double shared = 0;
  std::size_t truth = 0, found = 0;
};

// Pairs of truth and detection, by descending overlap.
std::vector<Pair> overlapping_pairs(const Picture& picture,
                                    std::span<const detect::Detection> found, double iou) {
  std::vector<Pair> pairs;
  for (std::size_t t = 0; t < picture.truth.size(); ++t) {
    if (picture.truth[t].crowd) continue;
    for (std::size_t f = 0; f < found.size(); ++f) {
      const double shared = overlap(picture.truth[t].box, found[f].box);
      if (shared >= iou) pairs.push_back({shared, t, f});
    }
  }
  std::ranges::stable_sort(pairs, std::ranges::greater{}, &Pair::shared);
  return pairs;
}

bool in_crowd(const Picture& picture, const detect::Detection& found, double iou) {
  return std::ranges::any_of(picture.truth, [&](const TrueBox& truth) {
    return truth.crowd && truth.class_id == found.class_id &&
           share_inside(found.box, truth.box) >= iou;
  });
}

void count_picture(const Picture& picture, float score_threshold, double iou,
                   Confusion& confusion) {
  const auto count = [&](int truth, int found) {
    ++confusion.counts[truth * (confusion.classes + 1) + found];
  };
  std::vector<detect::Detection> found = picture.found;
  std::erase_if(found, [&](const auto& d) { return d.score < score_threshold; });
  std::vector<bool> truth_taken(picture.truth.size()), found_taken(found.size());
  for (const Pair& pair : overlapping_pairs(picture, found, iou)) {
    if (truth_taken[pair.truth] || found_taken[pair.found]) continue;
    truth_taken[pair.truth] = found_taken[pair.found] = true;
    const TrueBox& truth = picture.truth[pair.truth];
    if (!truth.difficult) count(truth.class_id, found[pair.found].class_id);
  }
  for (std::size_t t = 0; t < picture.truth.size(); ++t) {
    const TrueBox& truth = picture.truth[t];
    if (!truth_taken[t] && !truth.difficult && !truth.crowd) {
      count(truth.class_id, confusion.classes);
    }
  }
  for (std::size_t f = 0; f < found.size(); ++f) {
    if (!found_taken[f] && !in_crowd(picture, found[f], iou)) {
      count(confusion.classes, found[f].class_id);
    }
  }
}

}  // namespace

Confusion confusion(std::span<const Picture> pictures, int classes, float score_threshold,
                    double iou) {
  check_classes(pictures, classes);
  const auto side = static_cast<std::size_t>(classes) + 1;
  Confusion result{classes, std::vector<int>(side * side)};
  for (const auto& picture : pictures) count_picture(picture, score_threshold, iou, result);
  return result;
}

}  // namespace oko::metrics

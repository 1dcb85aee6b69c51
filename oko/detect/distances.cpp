#include "oko/detect/distances.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "oko/detect/exponential.h"

namespace oko::detect {
namespace {

// The values of one cell are one plane apart.
struct Cells {
  const graph::Distances& head;
  int width = 0;
  std::ptrdiff_t plane = 0;
  const float* values = nullptr;

  // The expectation of a side's distribution, in strides.
  float distance(int side, int cell) const {
    const float* bins = values + (head.classes + std::ptrdiff_t{side} * head.bins) * plane + cell;
    if (head.bins == 1) return *bins;
    float most = bins[0];
    for (int k = 1; k < head.bins; ++k) most = std::max(most, bins[k * plane]);
    float sum = 0, weighted = 0;
    for (int k = 0; k < head.bins; ++k) {
      const float share = exponential(bins[k * plane] - most);
      sum += share;
      weighted += static_cast<float>(k) * share;
    }
    return weighted / sum;
  }

  image::Box box(int cell) const {
    const auto stride = static_cast<float>(head.stride);
    const float x = (static_cast<float>(cell % width) + head.prior) * stride;
    const float y = (static_cast<float>(cell / width) + head.prior) * stride;
    return {x - distance(0, cell) * stride, y - distance(1, cell) * stride,
            x + distance(2, cell) * stride, y + distance(3, cell) * stride};
  }
};

}  // namespace

float raw_floor(float threshold) {
  const double lowered = static_cast<double>(threshold) * .9999;
  if (!(lowered > 0)) return -std::numeric_limits<float>::infinity();
  if (lowered >= 1) return std::numeric_limits<float>::infinity();
  return static_cast<float>(std::log(lowered / (1 - lowered)));
}

bool is_finite(const image::Box& b) {
  return std::isfinite(b.left) && std::isfinite(b.top) && std::isfinite(b.right) &&
         std::isfinite(b.bottom);
}

void decode_head(const graph::Head& grid, const graph::Distances& head, HeadMap map,
                 const Thresholds& thresholds, std::vector<Detection>& found) {
  const auto plane = static_cast<std::ptrdiff_t>(grid.cells());
  const Cells cells{head, grid.width, plane, map.data()};
  for (int id = 0; id < head.classes; ++id) {
    const float threshold = thresholds.score_of(id), floor = raw_floor(threshold);
    const float* logits = map.data() + id * plane;
    for (int cell = 0; cell < plane; ++cell) {
      if (!(logits[cell] > floor)) continue;
      const float score = sigmoid(logits[cell]);
      if (!(score > threshold)) continue;
      const image::Box box = cells.box(cell);
      if (is_finite(box)) found.push_back({id, score, box});
    }
  }
}

float best_head_score(const graph::Head& grid, const graph::Distances& head, HeadMap map) {
  const std::ptrdiff_t count = grid.cells() * head.classes;
  float best = -std::numeric_limits<float>::infinity();
  for (std::ptrdiff_t i = 0; i < count; ++i) best = map[i] > best ? map[i] : best;
  return sigmoid(best);
}

}  // namespace oko::detect

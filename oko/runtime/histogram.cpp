#include "oko/runtime/histogram.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <utility>
#include <vector>

namespace oko::runtime {

void Histogram::widen() {
  std::vector<std::uint64_t> wider(kBins);
  for (int i = 0; i < kBins; ++i) {
    wider[kBins / 4 + i / 2] += bins_[i];
  }
  bins_ = std::move(wider);
  limit_ *= 2;
}

void Histogram::add(std::span<const float> values) {
  for (const float v : values) {
    assert(std::fabs(v) < kLimit);
    if (count_++ == 0) low_ = high_ = v;
    low_ = std::min(low_, v);
    high_ = std::max(high_, v);
    while (std::fabs(v) >= limit_) widen();
    const auto bin = static_cast<std::size_t>((v / limit_ + 1) * (kBins / 2));
    ++bins_[std::min<std::size_t>(bin, kBins - 1)];
  }
}

float Histogram::value_of(int edge) const {
  return (static_cast<float>(edge) / (kBins / 2) - 1) * limit_;
}

Range Histogram::percentile(double keep) const {
  const double tail = static_cast<double>(count_) * (1 - keep) / 2;
  int first = 0, last = kBins - 1;
  for (double seen = 0; first < last; ++first) {
    seen += static_cast<double>(bins_[first]);
    if (seen > tail) break;
  }
  for (double seen = 0; last > first; --last) {
    seen += static_cast<double>(bins_[last]);
    if (seen > tail) break;
  }
  return {std::max(low_, value_of(first)), std::min(high_, value_of(last + 1))};
}

// Values outside the range are counted at its ends; inside, each of the 256 steps spreads its count
// evenly over its non-empty bins.
double Histogram::divergence(const Range& range) const {
  constexpr int kSteps = 256;
  std::array<double, kSteps> sums{};
  std::array<int, kSteps> used{};
  std::vector<int> step_of(kBins, -1);
  double below = 0, above = 0;
  int first = -1, last = -1;
  for (int i = 0; i < kBins; ++i) {
    const auto bin = static_cast<std::size_t>(i);
    const auto count = static_cast<double>(bins_[bin]);
    if (count == 0) continue;
    const float middle = (value_of(i) + value_of(i + 1)) / 2;
    const float position = (middle - range.low) / (range.high - range.low) * kSteps;
    if (position < 0) {
      below += count;
    } else if (position >= kSteps) {
      above += count;
    } else {
      if (first < 0) first = i;
      last = i;
      step_of[bin] = static_cast<int>(position);
      sums[step_of[bin]] += count;
      ++used[step_of[bin]];
    }
  }
  if (first < 0) return INFINITY;
  const auto total = static_cast<double>(count_), inside = total - below - above;
  double sum = 0;
  for (int i = first; i <= last; ++i) {
    const auto bin = static_cast<std::size_t>(i);
    if (step_of[bin] < 0) continue;
    const auto step = static_cast<std::size_t>(step_of[bin]);
    const double p =
        (static_cast<double>(bins_[bin]) + (i == first ? below : 0) + (i == last ? above : 0)) /
        total;
    const double q = sums[step] / used[step] / inside;
    sum += p * std::log(p / q);
  }
  return sum;
}

Range Histogram::least_divergence() const {
  Range best = min_max();
  if (!(best.high > best.low)) return best;
  double least = INFINITY;
  for (int share = 100; share >= 40; share -= 2) {
    const float part = static_cast<float>(share) / 100;
    const Range range{std::min(low_, 0.F) * part, std::max(high_, 0.F) * part};
    const double lost = divergence(range);
    if (lost < least) {
      least = lost;
      best = range;
    }
  }
  return best;
}

}  // namespace oko::runtime

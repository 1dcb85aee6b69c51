#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "oko/runtime/quantization.h"

namespace oko::runtime {

// The distribution of a tensor's values: equal bins over [-limit, limit], which doubles when a
// value exceeds it.
class Histogram {
 public:
  static constexpr int kBins = 16384;
  static constexpr float kLimit = 0x1p126F;  // twice as much is still finite

  // All magnitudes must be below kLimit.
  void add(std::span<const float> values);

  std::uint64_t count() const { return count_; }
  Range min_max() const { return {low_, high_}; }
  // Excludes the fraction (1 - keep) / 2 of the values at either end.
  Range percentile(double keep) const;
  // The range whose 256 steps preserve the distribution best, by Kullback-Leibler divergence, among
  // those that cut the same fraction of min_max() at both ends.
  Range least_divergence() const;

 private:
  float value_of(int edge) const;  // of a bin's lower edge
  void widen();
  double divergence(const Range& range) const;

  std::vector<std::uint64_t> bins_ = std::vector<std::uint64_t>(kBins);
  float limit_ = 0x1p-10F;
  float low_ = 0, high_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace oko::runtime

#pragma once

#include <array>
#include <memory>
#include <span>
#include <string_view>

#include "oko/base/words.h"
#include "oko/graph/network.h"
#include "oko/runtime/equalize.h"
#include "oko/runtime/quantization.h"

namespace oko::runtime {

// How a tensor's range is chosen from the observed values.
enum class Calibration { kMinMax, kPercentile, kDivergence };
constexpr auto words_of(Calibration) {
  return std::to_array<std::string_view>({"min-max", "percentile", "kl"});
}

// Observes a network running in float32 and measures what int8 execution needs. One caller at a
// time.
class Calibrator {
 public:
  // Throws an input Error for a network that cannot be run.
  Calibrator(const graph::Network& network, int threads);
  ~Calibrator();

  // Runs one image: 3 × height × width floats from letterbox(). Throws an input Error naming the
  // first layer that produces NaN, infinity, or too large values.
  void add(std::span<const float> input);
  // The largest magnitude of each channel of the outputs of convolutions and shortcuts; negative
  // values after leaky are scaled up, to undo its shrinking.
  ChannelSizes channel_sizes() const;
  // `keep`: the fraction of all values that the percentile method keeps in range.
  Quantization result(Calibration method, double keep = .9999) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace oko::runtime

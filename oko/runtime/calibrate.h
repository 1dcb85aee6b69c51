#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "oko/graph/network.h"
#include "oko/runtime/equalize.h"
#include "oko/runtime/quantization.h"

namespace oko::runtime {

// How a map's range is chosen from the numbers seen.
enum class Calibration { kMinMax, kPercentile, kDivergence };
const char* name_of(Calibration method);  // "min-max", "percentile", "kl"
std::optional<Calibration> calibration_named(std::string_view name);

// Watches a network at work in float32 and measures what it needs to run on bytes. One caller at a
// time.
class Calibrator {
 public:
  // Throws an input Error for a network that cannot be run.
  Calibrator(const graph::Network& network, int threads);
  ~Calibrator();

  // Runs one picture: 3 × height × width floats, as letterbox() makes them. Throws an input Error
  // naming the first layer that makes of it what is no number, or too large for one.
  void add(std::span<const float> input);
  // The largest number of each channel of the convolutions' maps, without its sign; numbers below
  // zero count several times where they come of leaky, which made them small.
  ChannelSizes channel_sizes() const;
  // `keep`: the share of all numbers that the percentile method holds in range.
  Quantization result(Calibration method, double keep = .9999) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace oko::runtime

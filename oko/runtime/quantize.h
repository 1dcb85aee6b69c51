#pragma once

#include <functional>
#include <span>

#include "oko/graph/network.h"
#include "oko/runtime/calibrate.h"

namespace oko::runtime {

struct QuantizeOptions {
  Calibration method = Calibration::kMinMax;
  double keep = .9999;  // of the percentile method
  int threads = 1;
  bool equalize = true;
};

// Prepares a network for int8 with representative images: equalizes channels and measures ranges.
// In float32 the network computes the same as before, up to rounding. `inputs` are images from
// letterbox() before mean and scale (Preprocess), which are applied here: planes of bytes of 1/255.
// `done` is called after each image of each of passes(options) passes.
void quantize(graph::Network& network, std::span<const std::vector<std::uint8_t>> inputs,
              const QuantizeOptions& options, const std::function<void()>& done);
int passes(const QuantizeOptions& options);

}  // namespace oko::runtime

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

// Makes a network ready for int8 from pictures like those it will see: equalizes the channels of
// its maps, measures ranges, and corrects what rounding shifts on the mean. The network computes
// the same in float32 as before, but for rounding. `inputs` are pictures as letterbox() makes them,
// rounded to bytes of 1/255. `done` is called after each picture of each pass, of passes(options)
// passes.
void quantize(graph::Network& network, std::span<const std::vector<std::uint8_t>> inputs,
              const QuantizeOptions& options, const std::function<void()>& done);
int passes(const QuantizeOptions& options);

}  // namespace oko::runtime

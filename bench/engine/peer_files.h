#pragma once

#include <string>
#include <vector>

#include "steps.h"

namespace oko::bench {

// The same network for engines with their own file format. Precision: "fp32" or "int8", which
// requires calibrated ranges.

struct NcnnFiles {
  std::string param, bin;
};
// As with its own quantizer, tensors stay int8 from one convolution to the next; but all kernels
// have 8 bits, too many for its int8 Winograd. Input blob: "data"; heads: "head0", "head1", ….
NcnnFiles write_ncnn(const Steps& steps, const std::string& precision);

// Opset 13. int8: every tensor asymmetric, every kernel with per-filter scales, as QuantizeLinear
// and DequantizeLinear around float operations, the pattern that the runtime recognizes. Names as
// above.
std::string write_onnx(const Steps& steps, const std::string& precision);

// For engines that are programmed rather than given a file: the steps as JSON, in which inputs are
// earlier steps or -1, the network's input, shapes are [channels, height, width] and paddings
// [[top, bottom], [left, right]]; and of each convolution the kernel, [filter][channel][y][x], and
// the bias, one after another.
struct StepsFiles {
  std::string json;
  std::vector<float> weights;
};
StepsFiles write_steps(const Steps& steps);

}  // namespace oko::bench

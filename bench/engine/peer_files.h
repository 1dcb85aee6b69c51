#pragma once

#include <string>

#include "steps.h"

namespace oko::bench {

// The same network for engines with a file format of their own. Precision: "fp32" or "int8", which
// asks for calibrated ranges.

struct NcnnFiles {
  std::string param, bin;
};
// As its own quantizer does it, maps stay int8 from one convolution to the next; but all kernels
// have 8 bits, too many for its int8 Winograd. Input blob: "data"; heads: "head0", "head1", ….
NcnnFiles write_ncnn(const Steps& steps, const std::string& precision);

// Opset 13. int8: every map asymmetric, every kernel with a scale a filter, as QuantizeLinear and
// DequantizeLinear around float operations, which is what the runtime recognises. Names as above.
std::string write_onnx(const Steps& steps, const std::string& precision);

}  // namespace oko::bench

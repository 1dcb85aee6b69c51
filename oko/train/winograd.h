#pragma once

#include "oko/graph/network.h"
#include "oko/train/aten.h"

namespace oko::train {

// Whether convolve_winograd() computes the convolution of x with this kernel, and is faster than
// LibTorch's: 3x3 with stride 1, float32 on a CPU.
bool has_winograd(const graph::Convolution& convolution, const at::Tensor& x);

// Convolution by Winograd's algorithm, forward and backward (winograd_passes.h). Gradients that
// nothing needs are not computed.
//   x        batch × channels × height × width, float32 on a CPU
//   kernel   out × channels × 3 × 3
//   padding  0 to 2, on all sides
at::Tensor convolve_winograd(const at::Tensor& x, const at::Tensor& kernel, int padding);

}  // namespace oko::train

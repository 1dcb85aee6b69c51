#pragma once

#include "oko/graph/network.h"
#include "oko/train/aten.h"

namespace oko::train {

// Whether convolve_depthwise() computes the convolution of x, and is faster than LibTorch's: one
// window for each channel, in float32 on a CPU.
bool has_depthwise(const graph::Convolution& convolution, const at::Tensor& x);

// A depthwise convolution. The result is the same with any number of threads.
//   x        batch × channels × height × width
//   kernel   channels × 1 × size × size
//   padding  on all sides, less than size
at::Tensor convolve_depthwise(const at::Tensor& x, const at::Tensor& kernel, std::int64_t stride,
                              std::int64_t padding);

}  // namespace oko::train

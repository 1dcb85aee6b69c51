#pragma once

#include "oko/graph/network.h"
#include "oko/train/aten.h"

namespace oko::train {

// Whether convolve_few_channels() computes the convolution of x, and is faster than LibTorch's:
// maps of a few channels, such as images, in float32 on a CPU.
bool has_few_channels(const graph::Convolution& convolution, const at::Tensor& x);

// Convolution with the phone engine's matrix kernel, for which a row of such a map is a matrix as
// it is. The backward pass is LibTorch's. The result is the same with any number of threads.
//   x        batch × channels × height × width
//   kernel   out × channels × size × size
//   padding  on all sides
at::Tensor convolve_few_channels(const at::Tensor& x, const at::Tensor& kernel, std::int64_t stride,
                                 std::int64_t padding);

}  // namespace oko::train

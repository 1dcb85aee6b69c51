#pragma once

#include "oko/graph/network.h"
#include "oko/train/aten.h"

namespace oko::train {

// Whether convolve_pointwise() computes the convolution of x, and is faster than LibTorch's: 1x1
// windows with stride 1, in float32 on a CPU, unless there are so many weights that the sums for
// their gradient would leave the cache.
bool has_pointwise(const graph::Convolution& convolution, const at::Tensor& x);

// A 1x1 convolution: a matrix product over pixels, as are its gradients. The result is the same
// with any number of threads.
//   x        batch × channels × height × width
//   kernel   out × channels × 1 × 1
at::Tensor convolve_pointwise(const at::Tensor& x, const at::Tensor& kernel);

}  // namespace oko::train

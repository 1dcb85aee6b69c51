#pragma once

#include "oko/graph/network.h"
#include "oko/train/aten.h"
#include "oko/train/trained_norm.h"

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

// batch_norm_activate() of convolve_pointwise(), with the same result but fewer passes over the map
// between them: its moments are summed while a thread has it in its cache, and its gradient is
// never in memory as a whole. `trained` is not norm.epsilon_outside_root, whose sums have an order.
at::Tensor convolve_pointwise_and_normalize(const at::Tensor& x, const at::Tensor& kernel,
                                            const TrainedNorm& trained, double slope);

}  // namespace oko::train

#pragma once

#include "oko/graph/network.h"
#include "oko/train/aten.h"
#include "oko/train/trained_norm.h"

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

// Whether convolve_depthwise_and_normalize() computes the convolution: its output is as large as
// its input, and the channels are whole vectors.
bool has_depthwise_and_normalize(const graph::Convolution& convolution, const at::Tensor& x);

// batch_norm_activate() of convolve_depthwise() with stride 1, whose output's gradient is computed
// band by band, and never in memory as a whole. `trained` is not norm.epsilon_outside_root.
at::Tensor convolve_depthwise_and_normalize(const at::Tensor& x, const at::Tensor& kernel,
                                            const TrainedNorm& trained, double slope);

}  // namespace oko::train

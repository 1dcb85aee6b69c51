#pragma once

#include "oko/train/aten.h"

namespace oko::train {

// Batch norm as Darknet trains it: the batch's variance is the unbiased one (n − 1), the root is
// sqrt(variance) + 1e-6, and the backward pass divides by n as Darknet's does. Updates the running
// statistics in place. Runs on any device with LibTorch operations; batch_norm_activate() does the
// same on a CPU and sums in exactly Darknet's order.
//   x     batch × channels × height × width, of any floating-point type; so is the result
//   rest  [channels], float32
at::Tensor darknet_batch_norm(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& bias,
                              at::Tensor mean, at::Tensor variance, double momentum,
                              double epsilon);

}  // namespace oko::train

#pragma once

#include "oko/graph/network.h"
#include "oko/train/aten.h"
#include "oko/train/workers.h"

namespace oko::train {

// Batch norm with the batch's statistics, with LibTorch operations on any device, for what LibTorch
// itself does not do: all workers' batches together (`workers` is not null), and Darknet's
// (norm.epsilon_outside_root): the batch's variance is the unbiased one (n − 1), the root is
// sqrt(variance) + epsilon, and the backward pass divides by n as Darknet's does. Updates the
// running statistics in place. batch_norm_activate() does the same on a CPU, and sums in exactly
// Darknet's order.
//   x     batch × channels × height × width, of any floating-point type; so is the result
//   rest  [channels], float32
at::Tensor batch_norm(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& bias,
                      at::Tensor mean, at::Tensor variance, double momentum,
                      const graph::BatchNorm& norm, Workers* workers);

}  // namespace oko::train

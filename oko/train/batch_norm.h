#pragma once

#include "oko/train/aten.h"
#include "oko/train/trained_norm.h"

namespace oko::train {

// Batch norm with the batch's statistics, with LibTorch operations on any device, for what LibTorch
// itself does not do: all workers' batches together, and Darknet's (norm.epsilon_outside_root): the
// batch's variance is the unbiased one (n − 1), the root is sqrt(variance) + epsilon, and the
// backward pass divides by n as Darknet's does. batch_norm_activate() does the same on a CPU, and
// sums in exactly Darknet's order.
//   x  batch × channels × height × width, of any floating-point type; so is the result
at::Tensor batch_norm(const at::Tensor& x, const TrainedNorm& trained);

}  // namespace oko::train

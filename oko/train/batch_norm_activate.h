#pragma once

#include "oko/graph/network.h"
#include "oko/train/aten.h"
#include "oko/train/workers.h"

namespace oko::train {

// Batch norm with the batch's statistics, fused with the activation after it, in two passes over
// the feature map forward and two backward: y = z where z > 0, else slope·z, with z = scale·(x −
// mean) / root + bias. Slope 1 is the linear activation, 0 relu. Updates the running statistics:
// new = momentum·old + (1 − momentum)·batch, with the unbiased variance (n − 1). With
// norm.epsilon_outside_root, as Darknet trains: the batch variance is also unbiased, statistics are
// summed in Darknet's order, and the backward pass uses its epsilon. The result does not depend on
// the number of threads. With `workers` statistics and gradients are those of all their batches
// together, as if they were one.
//   x     batch × channels × height × width, accepted by has_map_kernels(); so is the result,
//         channels-last in memory
//   rest  [channels], float32, contiguous
//   halve the result is max_pool_2x2() of y, without y in memory; height and width are even
at::Tensor batch_norm_activate(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& bias,
                               at::Tensor mean, at::Tensor variance, double momentum,
                               const graph::BatchNorm& norm, double slope,
                               Workers* workers = nullptr, bool halve = false);

}  // namespace oko::train

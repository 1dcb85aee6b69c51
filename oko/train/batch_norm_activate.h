#pragma once

#include "oko/train/aten.h"
#include "oko/train/trained_norm.h"

namespace oko::train {

// Batch norm with the batch's statistics, fused with the activation after it, in two passes over
// the feature map forward and two backward: y = z where z > 0, else slope·z, with z = scale·(x −
// mean) / root + bias. Slope 1 is the linear activation, 0 relu. The result does not depend on the
// number of threads.
//   x     batch × channels × height × width, accepted by has_map_kernels(); so is the result,
//         channels-last in memory
//   halve the result is max_pool_2x2() of y, without y in memory; height and width are even
at::Tensor batch_norm_activate(const at::Tensor& x, const TrainedNorm& trained, double slope,
                               bool halve = false);

}  // namespace oko::train

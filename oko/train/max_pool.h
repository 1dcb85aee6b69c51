#pragma once

#include "oko/train/aten.h"

namespace oko::train {

// The largest of each 2×2 window, stride 2, without padding; a last odd row or column is ignored.
// As in at::max_pool2d(), the first of equal values gets the gradient, but it is found again in the
// backward pass instead of stored as a 64-bit index.
//   x  accepted by has_map_kernels(), at least 2×2; the result is channels-last in memory
at::Tensor max_pool_2x2(const at::Tensor& x);

}  // namespace oko::train

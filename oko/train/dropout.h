#pragma once

#include "oko/train/aten.h"

namespace oko::train {

// Sets values of x to 0 with this probability and multiplies the others by 1 / (1 − probability).
// Which ones depends only on (seed, layer, index in memory): the same with any number of threads,
// and recomputed in the backward pass instead of stored. `first`: where x begins, in images, in the
// batch whose memory that index counts; several workers share a batch. x: a tensor accepted by
// has_map_kernels(); so is the result, channels-last in memory.
at::Tensor drop_out(const at::Tensor& x, double probability, std::uint64_t seed, int layer,
                    std::int64_t first = 0);

}  // namespace oko::train

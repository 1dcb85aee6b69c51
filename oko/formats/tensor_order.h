#pragma once

#include <span>

#include "oko/graph/tensor.h"

namespace oko::formats {

// A tensor with its sides in another order: side i of the result is side order[i] of `tensor`. The
// type may be any. {3, 2, 0, 1} turns height, width, in, out into out, in, height, width.
graph::Tensor permuted(const graph::Tensor& tensor, std::span<const int> order);
graph::Tensor permuted(const graph::Tensor& tensor, std::initializer_list<int> order);

}  // namespace oko::formats

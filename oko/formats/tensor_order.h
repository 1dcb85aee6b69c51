#pragma once

#include <span>

#include "oko/graph/tensor.h"

namespace oko::formats {

// A tensor of any type with permuted dimensions: dimension i of the result is dimension order[i] of
// `tensor`. {3, 2, 0, 1} turns height, width, in, out into out, in, height, width.
graph::Tensor permuted(const graph::Tensor& tensor, std::span<const int> order);
graph::Tensor permuted(const graph::Tensor& tensor, std::initializer_list<int> order);

}  // namespace oko::formats

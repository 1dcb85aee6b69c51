#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "oko/graph/network.h"
#include "oko/runtime/plan.h"

namespace oko::runtime {

// A convolution's weights with the batch norm multiplied in, float32.
struct Folded {
  std::vector<float> kernel;  // [filters, in/groups, size, size]
  std::vector<float> bias;    // [filters]
};
Folded fold(const graph::Network& network, int layer);

// Columns of a matrix of `columns` columns as packed: whole wide panels, then a narrow one where it
// is enough.
int packed_columns(int columns, int lanes);

// Bytes that a step's kernel and bias take when packed. Both are multiples of kAlignment.
std::size_t packed_kernel_bytes(const ConvolutionStep& step, int in_channels, int lanes);
std::size_t packed_bias_bytes(const ConvolutionStep& step, int lanes);

// Writes the packed weights of all steps; `out` has plan.weight_bytes, kAlignment-aligned.
//   gemm       group by group: panels of columns, each [size·size·in/groups][width]
//   winograd   panels of columns, each [kPoints][in][width]
//   depthwise  [size·size][filters rounded up to lanes]
void pack_weights(const graph::Network& network, const Plan& plan, std::span<std::byte> out);

}  // namespace oko::runtime

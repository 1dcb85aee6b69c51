#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "oko/graph/fold.h"
#include "oko/runtime/plan.h"

namespace oko::runtime {

// Packed columns of a matrix of `columns` columns: full wide panels, then a narrow one if it
// suffices.
int packed_columns(int columns, int lanes);

// Bytes of a column of a packed matrix and of all columns of one group; the length of a per-column
// array for all groups.
std::size_t packed_column_bytes(const ConvolutionStep& step, SimdTarget target);
std::size_t packed_group_bytes(const ConvolutionStep& step, SimdTarget target);
std::size_t packed_column_array(const ConvolutionStep& step, SimdTarget target);

// Assigns a convolution its offsets in the packed weights, after those already assigned.
void place_weights(ConvolutionStep& step, Plan& plan);

// Writes the packed weights of all steps; `out` has plan.weight_bytes, kAlignment-aligned.
// Per-column arrays have packed_column_array() elements. Kernels:
//   gemm       group by group: panels of columns, each [size][size·in/groups][width]
//   winograd   panels of columns, each [points][in][width]; late ones [in][taps][width]
//   depthwise  [size·size][filters rounded up to lanes]; int8: see Depthwise8Call
// Other int8 kernels have `group` neighbouring rows side by side, [rows/group][width][group]; all
// have a scale and a start (Matrix8Call) for each column of each point. Throws an input Error for a
// kernel with values that its packed form cannot represent (graph::check_kernel). Pages of `mapped`
// (file.h) are dropped when what they hold is packed.
void pack_weights(const graph::Network& network, const Plan& plan, std::span<std::byte> out,
                  std::span<const std::byte> mapped = {});

}  // namespace oko::runtime

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "oko/graph/fold.h"
#include "oko/runtime/plan.h"

namespace oko::runtime {

// Columns of a matrix of `columns` columns as packed: whole wide panels, then a narrow one where it
// is enough.
int packed_columns(int columns, int lanes);

// Bytes of a column of a packed matrix and of all columns of one group; the length of an array for
// the columns of all groups.
std::size_t packed_column_bytes(const ConvolutionStep& step, SimdTarget target);
std::size_t packed_group_bytes(const ConvolutionStep& step, SimdTarget target);
std::size_t packed_column_array(const ConvolutionStep& step, SimdTarget target);

// Gives a convolution its places in the packed weights, behind those that have one.
void place_weights(ConvolutionStep& step, Plan& plan);

// Writes the packed weights of all steps; `out` has plan.weight_bytes, kAlignment-aligned. Arrays
// for the columns of matrices have packed_column_array() numbers. Kernels:
//   gemm       group by group: panels of columns, each [size][size·in/groups][width]
//   winograd   panels of columns, each [points][in][width]
//   depthwise  [size·size][filters rounded up to lanes]
// Bytes have `group` neighbouring rows side by side, [rows/group][width][group], a scale and a
// start (Matrix8Call) for each column of each point. Throws an input Error for a kernel with
// numbers that its packed form cannot hold (graph::check_kernel).
void pack_weights(const graph::Network& network, const Plan& plan, std::span<std::byte> out);

}  // namespace oko::runtime

#pragma once

#include <span>
#include <string>

#include "oko/graph/network.h"
#include "oko/graph/precision.h"

namespace oko::graph {

// Throws an input Error at `place` for a kernel value that the precision cannot represent: NaN,
// infinity, or more than 65504 in float16. Float32 can represent all.
void check_kernel(std::span<const float> kernel, Precision precision, const std::string& place);

// The weights of a network as stored in a file: everything but kernels is small and stays float32;
// kernels are F16, or I8 each with a tensor
// "<layer>.kernel_scale" F32 [filters]. Throws what check_kernel() does.
Weights compacted(const Network& network, Precision precision);

// Converts back to float32 and removes the scales. `place` is for messages. Throws an input Error
// for a kernel of an unsupported type, or without its scales.
void expand(Weights& weights, const std::string& place);

}  // namespace oko::graph

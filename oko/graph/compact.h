#pragma once

#include <span>
#include <string>

#include "oko/graph/network.h"

namespace oko::graph {

// How convolution kernels are stored in a file. Everything else is small and stays float32.
enum class KernelStorage {
  kFloat32,
  kFloat16,  // half the size, rounded to 11 bits
  kInt8,     // a quarter of the size: -127 to 127 times a scale per filter
};

// Throws an input Error at `place` for a kernel value that the storage cannot represent: NaN,
// infinity, or more than 65504 in float16. Float32 can represent all.
void check_kernel(std::span<const float> kernel, KernelStorage storage, const std::string& place);

// The weights of a network as stored in a file: kernels F16, or I8 each with a tensor
// "<layer>.kernel_scale" F32 [filters]. Throws what check_kernel() does.
Weights compacted(const Network& network, KernelStorage storage);

// Converts back to float32 and removes the scales. `place` is for messages. Throws an input Error
// for a kernel of an unsupported type, or without its scales.
void expand(Weights& weights, const std::string& place);

}  // namespace oko::graph

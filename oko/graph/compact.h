#pragma once

#include <span>
#include <string>

#include "oko/graph/network.h"

namespace oko::graph {

// How the kernels of convolutions stand in a file. Everything else is small and stays float32.
enum class KernelStorage {
  kFloat32,
  kFloat16,  // half the bytes, rounded to 11 bits
  kInt8,     // a quarter: whole numbers from -127 to 127 times a scale for each filter
};

// Throws an input Error at `place` where a kernel has a number that the storage cannot hold: NaN,
// infinity, or more than 65504 in float16. Float32 holds all.
void check_kernel(std::span<const float> kernel, KernelStorage storage, const std::string& place);

// The weights of a network as a file holds them: kernels F16, or I8 with a tensor
// "<layer>.kernel_scale" F32 [filters] beside each. Throws what check_kernel() does.
Weights compacted(const Network& network, KernelStorage storage);

// Back to float32: takes the scales away. `place` is for messages. Throws an input Error for a
// kernel of a type that no storage gives, or without its scales.
void expand(Weights& weights, const std::string& place);

}  // namespace oko::graph

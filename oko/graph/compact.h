#pragma once

#include <string>

#include "oko/graph/network.h"

namespace oko::graph {

// How the kernels of convolutions stand in a file. Everything else is small and stays float32.
enum class KernelStorage {
  kFloat32,
  kFloat16,  // half the bytes, rounded to 11 bits
  kInt8,     // a quarter: whole numbers from -127 to 127 times a scale for each filter
};

// The weights of a network as a file holds them: kernels F16, or I8 with a tensor
// "<layer>.kernel_scale" F32 [filters] beside each.
Weights compacted(const Network& network, KernelStorage storage);

// Back to float32: takes the scales away. `place` is for messages. Throws an input Error for a
// kernel of a type that no storage gives, or without its scales.
void expand(Weights& weights, const std::string& place);

}  // namespace oko::graph

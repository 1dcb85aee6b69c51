#pragma once

#include <vector>

#include "oko/graph/network.h"
#include "oko/runtime/quantization.h"

namespace oko::runtime {

// A layer whose output has the int8 values of its inputs.
bool keeps_bytes(const graph::Operation& operation);

// Which tensors share a scale: the network's input, then every layer's output; equal numbers do.
std::vector<std::size_t> shared_scales(const graph::Network& network);

// The scale of the network's input, then of every layer's output, for int8 execution. Concatenated,
// pooled or upsampled tensors share it with their sources, so that no requantization is needed.
// Throws an input Error for a network that was not quantized.
std::vector<Scale> scales_of(const graph::Network& network);

}  // namespace oko::runtime

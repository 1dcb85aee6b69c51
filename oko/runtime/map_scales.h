#pragma once

#include <vector>

#include "oko/graph/network.h"
#include "oko/runtime/quantization.h"

namespace oko::runtime {

// The scale of the network's input, then of every layer's map, for int8 execution. Maps that are
// joined, pooled or enlarged share one with what they are made of, so that no byte has to be
// changed on the way. Throws an input Error for a network that was not quantized.
std::vector<Scale> scales_of(const graph::Network& network);

}  // namespace oko::runtime

#pragma once

#include <cstdint>
#include <vector>

#include "oko/graph/network.h"

namespace oko::graph {

struct LayerCost {
  std::int64_t parameters = 0;    // numbers stored, batch-norm statistics included
  double flop = 0;                // of one picture; a multiply and an add are 2
  std::int64_t output_bytes = 0;  // float32
};

std::vector<LayerCost> layer_costs(const Network& network);
LayerCost total_cost(const Network& network);

// Bytes of the largest set of float32 maps alive at one time when layers run in order and each map
// is freed after its last use: what an engine needs beside the weights.
std::int64_t peak_activation_bytes(const Network& network);

}  // namespace oko::graph

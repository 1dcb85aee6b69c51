#pragma once

#include <cstdint>
#include <vector>

#include "oko/graph/network.h"

namespace oko::graph {

struct LayerCost {
  std::int64_t parameters = 0;    // numbers stored, batch-norm statistics included
  double flop = 0;                // of one picture; see below
  std::int64_t output_bytes = 0;  // float32
};

// Of each layer. As is usual, only convolutions are counted as work, a multiply and an add as 2;
// all other layers together are below a hundredth of it.
std::vector<LayerCost> layer_costs(const Network& network);
LayerCost total_cost(const Network& network);

// Bytes of the largest set of float32 maps alive at one time when layers run in order and each map
// is freed after its last use: what an engine needs beside the weights. The input counts, and what
// a head reads stays to the end, as it is the result.
std::int64_t peak_activation_bytes(const Network& network);

}  // namespace oko::graph

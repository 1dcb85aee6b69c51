#pragma once

#include <cstdint>
#include <vector>

#include "oko/graph/network.h"

namespace oko::graph {

struct LayerCost {
  std::int64_t parameters = 0;    // including batch-norm statistics
  double flop = 0;                // per image; see below
  std::int64_t output_bytes = 0;  // float32
};

// The cost of each layer. As usual, only convolutions are counted, a multiply and an add as 2; all
// other layers together are below 1 % of that.
std::vector<LayerCost> layer_costs(const Network& network);
LayerCost total_cost(const Network& network);

// Bytes of the largest set of float32 tensors alive at a time when layers run in order and each
// tensor is freed after its last use: what an engine needs in addition to the weights. This
// includes the input, and the inputs of heads stay alive to the end, as they are the result.
std::int64_t peak_activation_bytes(const Network& network);

}  // namespace oko::graph

#pragma once

#include "oko/graph/network.h"

namespace oko::graph {

// Gives a network reproducible weights for measurements and tests, from a linear congruential
// generator, in Darknet's file order. Kernels are drawn uniformly from ±gain · sqrt(6 / inputs of a
// filter), so that activations keep their scale; batch norm parameters are around 0 and 1. Shapes
// must be inferred.
void fill_synthetic_weights(Network& network, double gain = 1);

}  // namespace oko::graph

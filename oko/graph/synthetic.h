#pragma once

#include "oko/graph/network.h"

namespace oko::graph {

// Gives a network the same weights everywhere, for measurements and tests: from a linear
// congruential generator, in Darknet's file order. Kernels are drawn evenly from ±gain · sqrt(6 /
// inputs of a filter), so that the numbers keep their size on the way; what batch norm has lies
// round 0 and 1. Shapes must be inferred.
void fill_synthetic_weights(Network& network, double gain = 1);

}  // namespace oko::graph

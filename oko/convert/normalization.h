#pragma once

#include "oko/graph/network.h"

namespace oko::convert {

// The same network for inputs from 0 to 1: the mean and scale of its preprocessing become a first
// layer, "normalize", a depthwise convolution. For files that hold no preprocessing. The network
// must have weights.
graph::Network with_normalization_layer(graph::Network network);

}  // namespace oko::convert

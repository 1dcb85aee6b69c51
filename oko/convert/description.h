#pragma once

#include <string>

#include "oko/graph/network.h"

namespace oko::convert {

// What `network` says of heads, classes and images, for another file of it, which may scale its
// input itself.
std::string description_for(const graph::Network& file, const graph::Network& network);

// The network for images whose mean and scale are not applied yet.
graph::Network without_scaling(graph::Network network);

}  // namespace oko::convert

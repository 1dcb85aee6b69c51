#pragma once

#include <string>

#include "oko/graph/network.h"

namespace oko::graph {

// The network as Graphviz text, one node a layer with its kind, settings and output shape.
std::string to_dot(const Network& network);

// The same as a self-contained SVG picture, laid out top-down without Graphviz.
std::string to_svg(const Network& network);

}  // namespace oko::graph

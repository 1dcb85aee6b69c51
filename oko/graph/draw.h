#pragma once

#include <string>

#include "oko/graph/network.h"

namespace oko::graph {

// The settings of a layer in one line, without its kind: "16 filters 3x3/2, batch norm, leaky".
// Empty for a layer without settings.
std::string settings_of(const Operation& operation);

// The network as Graphviz text, one node per layer with its kind, settings and output shape.
std::string to_dot(const Network& network);

// The same as a self-contained SVG image, laid out top-down without Graphviz, with connections that
// skip layers as curves on the side.
std::string to_svg(const Network& network);

}  // namespace oko::graph

#pragma once

#include <string>

#include "oko/graph/network.h"

namespace oko::graph {

// The settings of a layer in one line, without its kind: "16 filters 3x3/2, batch norm, leaky".
// Empty for a layer that has none.
std::string settings_of(const Operation& operation);

// The network as Graphviz text, one node a layer with its kind, settings and output shape.
std::string to_dot(const Network& network);

// The same as a self-contained SVG picture, laid out top-down without Graphviz: layers below one
// another, connections that skip layers as curves beside them.
std::string to_svg(const Network& network);

}  // namespace oko::graph

#pragma once

#include <string>

#include "oko/base/json.h"
#include "oko/graph/network.h"

namespace oko::graph {

// The network without its weights, as specified in docs/oko-file.md.
Json network_to_json(const Network& network);

// The reverse. Shapes are not inferred yet. Throws input Errors whose place starts with `name`.
Network network_from_json(const Json& json, const std::string& name);

}  // namespace oko::graph

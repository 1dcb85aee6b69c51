#pragma once

#include <string>

#include "oko/base/json.h"
#include "oko/graph/network.h"

namespace oko::graph {

// The network without its weights, as docs/oko-file.md specifies it.
Json network_to_json(const Network& network);

// The same back. Shapes are not inferred yet. Throws input Errors whose place begins with `name`.
Network network_from_json(const Json& json, const std::string& name);

}  // namespace oko::graph

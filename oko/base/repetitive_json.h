#pragma once

#include "oko/base/json.h"

namespace oko {

// parse_json(), but of a name that an object gives several times the last one counts, as in Python.
// `repeats`: grows by each that is passed over.
Json parse_repetitive_json(std::string_view text, const std::string& name, std::string_view skip,
                           int& repeats);

}  // namespace oko

#pragma once

#include "oko/base/json.h"

namespace oko {

// parse_json(), but of duplicate names in an object the last one counts, as in Python. `repeats` is
// incremented for each one ignored.
Json parse_repetitive_json(std::string_view text, const std::string& name, std::string_view skip,
                           int& repeats);

}  // namespace oko

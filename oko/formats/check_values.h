#pragma once

#include <string>

#include "oko/graph/tensor.h"

namespace oko::formats {

// Throws an input Error at `place` for float32 weights that no training gives, numbers that are not
// finite or variances below 0: they would turn every output into NaN without a word. `name` is that
// of the weight, "<layer>.<part>".
void check_values(const graph::Tensor& tensor, const std::string& name, const std::string& place);

}  // namespace oko::formats

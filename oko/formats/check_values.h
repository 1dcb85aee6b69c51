#pragma once

#include <string>

#include "oko/graph/tensor.h"

namespace oko::formats {

// Throws an input Error at `place` for float32 weights that no training produces, that is values
// that are not finite or negative variances: they would silently turn every output into NaN.
// `name` is the weight's, "<layer>.<part>".
void check_values(const graph::Tensor& tensor, const std::string& name, const std::string& place);

}  // namespace oko::formats

#pragma once

#include "oko/convert/model_files.h"
#include "oko/formats/format.h"

namespace oko::convert {

// Reads a model of any format. Throws input Errors with the file's place, and a usage Error for
// options that do not apply to the file: no option is ever ignored.
formats::ReadModel read_model(const ModelFiles& model, const formats::ReadOptions& options = {});

}  // namespace oko::convert

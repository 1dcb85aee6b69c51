#pragma once

#include <string>

#include "oko/convert/model_files.h"
#include "oko/formats/format.h"

namespace oko::cli {

// Reads a file that has no heads with those of the model `heads_from`, of any format, and with its
// class names and preprocessing. Throws a usage Error if the file defines heads or the model has
// none, and an input Error if they do not fit the file's outputs.
formats::ReadModel read_with_heads(const convert::ModelFiles& files,
                                   const formats::ReadOptions& options,
                                   const std::string& heads_from);

}  // namespace oko::cli

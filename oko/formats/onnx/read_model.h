#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "oko/formats/heads.h"
#include "oko/formats/onnx.h"
#include "oko/formats/onnx/parse.h"

namespace oko::formats {

// read_onnx() of a message, without its metadata: also for what other formats' files are translated
// to. `bytes`: the size of the file, which bounds what is computed from its constants.
Imported read_onnx_model(const std::shared_ptr<const ParsedOnnx>& parsed, const std::string& name,
                         const OnnxReadOptions& options, std::size_t bytes);

}  // namespace oko::formats

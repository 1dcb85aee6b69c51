#pragma once

#include <memory>
#include <string>

#include "oko/base/bytes.h"
#include "oko/convert/executor.h"

namespace oko::convert {

// Runs an ONNX file in OpenCV's DNN module, in this process. Null where oko was built without it;
// `why` then says so. Throws an Error where OpenCV refuses the file: it has no NonMaxSuppression,
// and 4.6 neither ReLU6 as newer files have it (Clip with inputs) nor float16 kernels.
std::unique_ptr<Executor> make_opencv_onnx(const Bytes& file, const std::string& name,
                                           std::string* why = nullptr);

}  // namespace oko::convert

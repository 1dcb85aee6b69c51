#pragma once

#include <memory>
#include <string>

#include "oko/base/bytes.h"
#include "oko/convert/executor.h"

namespace oko::convert {

// Runs an ONNX file in OpenCV's DNN module, in this process. Null if oko was built without it;
// `why` then says so. Throws an Error if OpenCV rejects the file: it lacks NonMaxSuppression, and
// 4.6 also ReLU6 as in newer files (Clip with inputs) and float16 kernels.
std::unique_ptr<Executor> make_opencv_onnx(const Bytes& file, const std::string& name,
                                           std::string* why = nullptr);

}  // namespace oko::convert

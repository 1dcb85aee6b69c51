#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/convert/executor.h"

namespace oko::convert {

// Runs an ONNX file in ONNX Runtime, by Node.js in a child process for every run.
class OnnxRuntime : public Executor {
 public:
  // An output as the file names it; whole numbers are given as floats.
  struct Output {
    std::string name;
    std::vector<std::int64_t> shape;
    std::vector<float> values;
  };
  virtual std::vector<Output> run_all(std::span<const float> input) = 0;
};

// Null where there is no ONNX Runtime, and `why` then says so: the environment variable
// OKO_ONNXRUNTIME is to name the folder whose node_modules has onnxruntime-node or
// onnxruntime-web, and node has to be in PATH. Throws an Error for a file that is no ONNX model;
// what ONNX Runtime itself refuses is an Error of the first run.
std::unique_ptr<OnnxRuntime> make_onnx_runtime(const Bytes& file, const std::string& name,
                                               std::string* why = nullptr);

}  // namespace oko::convert

#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/convert/executor.h"

namespace oko::convert {

// Runs an ONNX file in ONNX Runtime, in a Node.js child process for every run.
class OnnxRuntime : public Executor {
 public:
  // An output under its name in the file; integers are converted to floats.
  struct Output {
    std::string name;
    std::vector<std::int64_t> shape;
    std::vector<float> values;
  };
  virtual std::vector<Output> run_all(std::span<const float> input) = 0;
};

// Null if there is no ONNX Runtime; `why` then says so: the environment variable OKO_ONNXRUNTIME
// must name the folder whose node_modules contains onnxruntime-node or onnxruntime-web, and node
// must be in PATH. Throws an Error for a file that is not an ONNX model; if ONNX Runtime itself
// rejects it, the first run throws.
std::unique_ptr<OnnxRuntime> make_onnx_runtime(const Bytes& file, const std::string& name,
                                               std::string* why = nullptr);

}  // namespace oko::convert

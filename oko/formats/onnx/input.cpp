#include "oko/formats/onnx/input.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "oko/base/error.h"

namespace oko::formats {
namespace {

class InputReader {
 public:
  InputReader(const onnx::Graph& graph, const std::string& file, const OnnxReadOptions& options)
      : graph_(graph), file_(file), options_(options) {}

  OnnxInput read() const {
    std::set<std::string> constants;
    for (const onnx::Tensor& tensor : graph_.initializer()) constants.insert(tensor.name());
    const onnx::ValueInfo* picture = nullptr;
    for (const onnx::ValueInfo& value : graph_.input()) {
      if (constants.contains(value.name()) || sides(value).size() != 4) continue;
      if (picture != nullptr) {
        throw input_error(file_ + ": " + value.name(),
                          "is a second image, after \"" + picture->name() + "\"",
                          "export the model with one input");
      }
      picture = &value;
    }
    if (picture == nullptr) {
      throw input_error(file_, "has no input of four dimensions (batch, channels, height, width)",
                        "export the model with the shape of its input");
    }
    return shape_of(*picture);
  }

 private:
  // 0: not fixed.
  static std::vector<std::int64_t> sides(const onnx::ValueInfo& value) {
    std::vector<std::int64_t> sides;
    for (const onnx::Dimension& side : value.type().tensor_type().shape().dim()) {
      sides.push_back(std::max<std::int64_t>(side.dim_value(), 0));
    }
    return sides;
  }

  [[noreturn]] void fail(const onnx::ValueInfo& value, std::string message,
                         std::string hint) const {
    throw input_error(file_ + ": " + value.name() + " (input)", std::move(message),
                      std::move(hint));
  }

  int side(const onnx::ValueInfo& value, const char* what, std::int64_t side, int otherwise) const {
    if (side == 0) side = otherwise;
    if (side < 1 || side > (1 << 20)) {
      fail(value, std::string(what) + (side == 0 ? " is not fixed" : " is too large"),
           "set the size with --size, or export the model with a fixed one");
    }
    return static_cast<int>(side);
  }

  OnnxInput shape_of(const onnx::ValueInfo& value) const {
    const std::vector<std::int64_t> s = sides(value);
    if (s[0] > 1) {
      fail(value, "takes " + std::to_string(s[0]) + " images at once",
           "export the model for one: a batch of 1");
    }
    const auto few = [](std::int64_t side) { return side == 1 || side == 3 || side == 4; };
    const bool last = few(s[3]) && !few(s[1]);
    OnnxInput input{value.name(), {}, last};
    input.shape.channels = side(value, "the number of channels", last ? s[3] : s[1], 0);
    input.shape.height = side(value, "the height", last ? s[1] : s[2], options_.height);
    input.shape.width = side(value, "the width", last ? s[2] : s[3], options_.width);
    return input;
  }

  const onnx::Graph& graph_;
  const std::string& file_;
  const OnnxReadOptions& options_;
};

}  // namespace

OnnxInput find_onnx_input(const onnx::Graph& graph, const std::string& file,
                          const OnnxReadOptions& options) {
  return InputReader(graph, file, options).read();
}

}  // namespace oko::formats

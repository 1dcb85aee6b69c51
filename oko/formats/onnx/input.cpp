#include "oko/formats/onnx/input.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <set>
#include <utility>
#include <vector>

#include "oko/base/error.h"

namespace oko::formats {
namespace {

// 0: not fixed.
std::vector<std::int64_t> sides(const onnx::ValueInfo& value) {
  std::vector<std::int64_t> sides;
  for (const onnx::Dimension& side : value.type().tensor_type().shape().dim()) {
    sides.push_back(std::max<std::int64_t>(side.dim_value(), 0));
  }
  return sides;
}

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
  [[noreturn]] void fail(const onnx::ValueInfo& value, std::string message,
                         std::string hint) const {
    throw input_error(file_ + ": " + value.name() + " (input)", std::move(message),
                      std::move(hint));
  }

  int side(const onnx::ValueInfo& value, const char* what, std::int64_t side, int otherwise) const {
    if (side == 0) side = otherwise;
    if (side < 1 || side > (1 << 20)) {
      fail(value, std::string(what) + (side == 0 ? " is not fixed" : " is too large"),
           side == 0
               ? "set the size that it was trained for, such as --size 640x640, or export the "
                 "model with a fixed one"
               : "export the model for a smaller image");
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

std::optional<std::pair<int, int>> noted_size(const onnx::Model& model) {
  const auto is_open = [](const onnx::ValueInfo& value) {
    const std::vector<std::int64_t> s = sides(value);
    return s.size() == 4 && (s[2] == 0 || s[3] == 0);
  };
  if (std::ranges::none_of(model.graph().input(), is_open)) return {};
  for (const onnx::Entry& entry : model.metadata_props()) {
    int height = 0, width = 0;
    const bool found = entry.key() == "imgsz" &&
                       std::sscanf(entry.value().c_str(), "[%6d, %6d]", &height, &width) == 2;
    if (found && height > 0 && width > 0) return std::pair(height, width);
  }
  return {};
}

}  // namespace oko::formats

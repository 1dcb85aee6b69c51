#pragma once

#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/formats/onnx/graph_writer.h"
#include "oko/formats/onnx/onnx.pb.h"

// For tests: ONNX files built node by node.
namespace oko::formats {

class TestGraph {
 public:
  onnx::Model model;
  GraphWriter to{*model.mutable_graph()};

  explicit TestGraph(int opset = 13) {
    model.set_ir_version(7);
    model.add_opset_import()->set_version(opset);
    to.unused("image");
  }
  TestGraph& input(std::vector<std::int64_t> shape = {1, 3, 8, 8}) {
    to.input("image", shape, "");
    return *this;
  }
  // 0.01, 0.02, … of this shape.
  std::string weights(const std::string& name, std::vector<std::int64_t> shape) {
    const std::int64_t count =
        std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
    std::vector<float> values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = .01F * static_cast<float>(i + 1);
    return to.floats(name, std::move(values), std::move(shape));
  }
  // A 3x3 convolution that keeps rows and columns.
  std::string convolution(const std::string& name, const std::string& from, int inputs,
                          int filters) {
    std::string map = to.node("Conv", name, {from, weights(name + ".w", {filters, inputs, 3, 3})});
    to.set("pads", std::vector<std::int64_t>{1, 1, 1, 1});
    return map;
  }
  TestGraph& output(const std::string& map) {
    to.output(map, 1, {-1}, "", "any");
    return *this;
  }
  Bytes file() const {
    const std::string text = model.SerializeAsString();
    return Bytes(std::string_view(text));
  }
};

}  // namespace oko::formats

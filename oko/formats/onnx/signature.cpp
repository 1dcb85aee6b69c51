#include <cstring>
#include <limits>

#include "oko/base/error.h"
#include "oko/formats/onnx.h"
#include "oko/formats/onnx/node.h"
#include "oko/formats/onnx/parse.h"

namespace oko::formats {
namespace {

constexpr std::string_view kActivation = ".activation";

std::string layer_of(const std::string& node) {
  return node.ends_with(kActivation) ? node.substr(0, node.size() - kActivation.size()) : node;
}

// Part of an activation, or the cast of a kernel to float32.
bool is_helper(const onnx::Node& node) {
  return node.op_type() == "Cast" || node.name().find(".activation.") != std::string::npos;
}

}  // namespace

OnnxSignature onnx_signature(const Bytes& file, const std::string& name) {
  const ParsedOnnx parsed = parse_onnx(file, name);
  const onnx::Graph& graph = parsed.model->graph();
  OnnxSignature signature;
  for (const onnx::ValueInfo& value : graph.input()) {
    const auto& sides = value.type().tensor_type().shape().dim();
    if (sides.size() != 4) continue;
    for (const onnx::Dimension& side : sides) {
      if (side.dim_value() >= 0 && side.dim_value() <= std::numeric_limits<int>::max()) continue;
      throw input_error(name + ": " + value.name(), "a side of the input is out of range");
    }
    const auto at = [&](int i) { return static_cast<int>(sides[i].dim_value()); };
    signature.input = value.name();
    signature.shape = {at(1), at(2), at(3)};
    break;
  }
  for (const onnx::ValueInfo& output : graph.output()) signature.outputs.push_back(output.name());
  for (const onnx::Node& node : graph.node()) {
    if (node.op_type() == "QuantizeLinear" || node.op_type() == "DynamicQuantizeLinear") {
      signature.in_bytes = true;
    }
    if (node.name().empty() || node.output_size() == 0 || is_helper(node)) continue;
    const std::string layer = layer_of(node.name());
    const bool same = !signature.layers.empty() && signature.layers.back().layer == layer;
    if (same) signature.layers.pop_back();
    signature.layers.push_back({layer, node.output(0)});
  }
  return signature;
}

// Later parts of a message in the file are merged into earlier ones.
std::vector<std::byte> with_onnx_outputs(const Bytes& file, const std::vector<std::string>& maps,
                                         bool four_sides) {
  onnx::Model more;
  for (const std::string& map : maps) {
    onnx::ValueInfo& output = *more.mutable_graph()->add_output();
    output.set_name(map);
    onnx::TensorType& type = *output.mutable_type()->mutable_tensor_type();
    type.set_elem_type(kOnnxFloat);
    for (int i = 0; four_sides && i < 4; ++i) type.mutable_shape()->add_dim();
  }
  const std::string added = more.SerializeAsString();
  std::vector<std::byte> result(file.size() + added.size());
  std::memcpy(result.data(), file.data(), file.size());
  std::memcpy(result.data() + file.size(), added.data(), added.size());
  return result;
}

}  // namespace oko::formats

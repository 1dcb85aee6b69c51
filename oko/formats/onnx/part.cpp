#include <algorithm>
#include <cstdint>
#include <map>
#include <set>

#include "oko/base/error.h"
#include "oko/formats/onnx.h"
#include "oko/formats/onnx/input.h"
#include "oko/formats/onnx/parse.h"

namespace oko::formats {
namespace {

using Names = std::set<std::string>;

// These tensors and everything they depend on.
Names needed_for(const onnx::Graph& graph, const std::vector<std::string>& tensors) {
  std::map<std::string, const onnx::Node*> makers;
  for (const onnx::Node& node : graph.node()) {
    for (const std::string& output : node.output()) makers[output] = &node;
  }
  Names needed;
  std::vector<std::string> left = tensors;
  while (!left.empty()) {
    const std::string tensor = std::move(left.back());
    left.pop_back();
    if (!needed.insert(tensor).second) continue;
    const auto maker = makers.find(tensor);
    if (maker == makers.end()) continue;
    left.insert(left.end(), maker->second->input().begin(), maker->second->input().end());
  }
  return needed;
}

template <typename List, typename Keep>
void keep_only(List& list, const Keep& keep) {
  int kept = 0;
  for (int i = 0; i < list.size(); ++i) {
    if (!keep(list.Get(i))) continue;
    if (kept != i) list.SwapElements(kept, i);
    ++kept;
  }
  list.DeleteSubrange(kept, list.size() - kept);
}

void describe(onnx::ValueInfo& value, const std::string& name,
              const std::vector<std::int64_t>& sides) {
  value.set_name(name);
  onnx::TensorType& type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(kOnnxFloat);
  type.mutable_shape()->clear_dim();
  for (const std::int64_t side : sides) {
    onnx::Dimension& dimension = *type.mutable_shape()->add_dim();
    if (side > 0) dimension.set_dim_value(side);
  }
}

// The input as the network takes it: of fixed size, channels-first.
void set_input(onnx::Graph& graph, const OnnxInput& found, const graph::Shape& shape) {
  std::string name = found.name;
  if (found.channels_last) {
    name += ".channels_first";
    onnx::Node turn;
    turn.set_op_type("Transpose");
    turn.set_name(name + ".transpose");
    turn.add_input(name);
    turn.add_output(found.name);
    onnx::Attribute& order = *turn.add_attribute();
    constexpr int kInts = 7;
    order.set_name("perm");
    order.set_type(kInts);
    for (const int side : {0, 2, 3, 1}) order.add_ints(side);
    graph.mutable_node()->Add(std::move(turn));
    for (int i = graph.node_size() - 1; i > 0; --i) graph.mutable_node()->SwapElements(i, i - 1);
  }
  graph.clear_input();  // old files also list their constants there
  describe(*graph.add_input(), name, {1, shape.channels, shape.height, shape.width});
}

}  // namespace

std::vector<std::byte> onnx_part(const Bytes& file, const std::string& name,
                                 const graph::Shape& input,
                                 const std::vector<std::string>& outputs) {
  const ParsedOnnx parsed = parse_onnx(file, name);
  onnx::Graph& graph = *parsed.model->mutable_graph();
  const OnnxInput found = find_onnx_input(graph, name, {input.width, input.height});
  const Names needed = needed_for(graph, outputs);
  keep_only(*graph.mutable_node(), [&](const onnx::Node& node) {
    return std::ranges::any_of(node.output(), [&](const auto& to) { return needed.contains(to); });
  });
  keep_only(*graph.mutable_initializer(),
            [&](const onnx::Tensor& tensor) { return needed.contains(tensor.name()); });
  constexpr int kConstantsAreNoInputs = 4;  // since this version of the file format
  parsed.model->set_ir_version(
      std::max<std::int64_t>(parsed.model->ir_version(), kConstantsAreNoInputs));
  set_input(graph, found, input);
  graph.clear_output();
  for (const std::string& output : outputs) describe(*graph.add_output(), output, {0, 0, 0, 0});
  std::vector<std::byte> bytes(parsed.model->ByteSizeLong());
  if (!parsed.model->SerializePartialToArray(bytes.data(), static_cast<int>(bytes.size()))) {
    throw input_error(name, "is larger than 2 GiB, more than an ONNX file may be");
  }
  return bytes;
}

}  // namespace oko::formats

#include <algorithm>

#include "oko/formats/onnx.h"
#include "oko/formats/onnx/graph_writer.h"
#include "oko/formats/onnx/parse.h"

namespace oko::formats {
namespace {

onnx::Attribute* attribute_of(onnx::Node& node, std::string_view name) {
  const auto found = std::ranges::find_if(
      *node.mutable_attribute(), [&](const auto& attribute) { return attribute.name() == name; });
  return found == node.mutable_attribute()->end() ? nullptr : &*found;
}

// Left and right of rows and columns; empty if the node does not average over padding.
std::vector<std::int64_t> counted_padding(onnx::Node& node) {
  if (node.op_type() != "AveragePool") return {};
  const onnx::Attribute* counts = attribute_of(node, "count_include_pad");
  const onnx::Attribute* pads = attribute_of(node, "pads");
  if (counts == nullptr || counts->i() == 0 || pads == nullptr || pads->ints_size() != 4) return {};
  std::vector<std::int64_t> sides(pads->ints().begin(), pads->ints().end());
  return std::ranges::count(sides, 0) == 4 ? std::vector<std::int64_t>() : sides;
}

int opset_of(const onnx::Model& model) {
  std::int64_t version = 0;
  for (const onnx::OperatorSet& set : model.opset_import()) {
    if (set.domain().empty() || set.domain() == "ai.onnx") version = set.version();
  }
  return static_cast<int>(version);
}

}  // namespace

std::vector<std::byte> with_onnx_padding_apart(const Bytes& file, const std::string& name) {
  const ParsedOnnx parsed = parse_onnx(file, name);
  onnx::Graph& graph = *parsed.model->mutable_graph();
  const bool any = std::ranges::any_of(
      *graph.mutable_node(), [](onnx::Node& node) { return !counted_padding(node).empty(); });
  if (!any) return {file.span().begin(), file.span().end()};
  const bool as_input = opset_of(*parsed.model) >= 11;  // Pad takes its sides as an input
  GraphWriter to(graph);
  for (const onnx::Node& node : graph.node()) {
    for (const std::string& output : node.output()) to.unused(output);
  }
  const int count = graph.node_size();
  for (int i = 0, at = 0; i < count; ++i, ++at) {
    onnx::Node& pool = *graph.mutable_node(at);
    const std::vector<std::int64_t> pads = counted_padding(pool);
    if (pads.empty() || pool.input_size() != 1 || pool.output_size() != 1) continue;
    const std::vector<std::int64_t> sides{0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]};
    std::vector<std::string> inputs{pool.input(0)};
    const std::string padded = to.unused(pool.output(0) + ".padded");
    if (as_input) inputs.push_back(to.integers(padded + ".sides", sides));
    to.node("Pad", padded, inputs, padded);
    if (!as_input) to.set("pads", sides);
    std::ranges::fill(*attribute_of(*graph.mutable_node(at), "pads")->mutable_ints(), 0);
    graph.mutable_node(at)->set_input(0, padded);
    for (int k = graph.node_size() - 1; k > at; --k) graph.mutable_node()->SwapElements(k, k - 1);
    ++at;
  }
  std::vector<std::byte> bytes(parsed.model->ByteSizeLong());
  parsed.model->SerializePartialToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

}  // namespace oko::formats

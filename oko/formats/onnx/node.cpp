#include "oko/formats/onnx/node.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

namespace oko::formats {
namespace {

using Names = std::set<std::string, std::less<>>;

OnnxNode node_of(const onnx::Node& proto) {
  OnnxNode node;
  node.inputs.assign(proto.input().begin(), proto.input().end());
  node.outputs.assign(proto.output().begin(), proto.output().end());
  node.id.kind = proto.op_type();
  if (!proto.domain().empty() && proto.domain() != "ai.onnx") {
    node.id.kind = proto.domain() + "." + proto.op_type();
  }
  node.id.name = proto.name();
  if (node.id.name.empty() && !node.outputs.empty()) node.id.name = node.outputs.front();
  node.proto = &proto;
  return node;
}

// Keeps the nodes that the outputs depend on.
void drop_unused(std::vector<OnnxNode>& nodes, const Names& outputs) {
  Names wanted = outputs;
  std::vector<OnnxNode> kept;
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    const auto is_wanted = [&](const std::string& name) { return wanted.contains(name); };
    if (std::ranges::none_of(node->outputs, is_wanted)) continue;
    wanted.insert(node->inputs.begin(), node->inputs.end());
    kept.push_back(std::move(*node));
  }
  std::ranges::reverse(kept);
  nodes = std::move(kept);
}

// Finds x · σ(x), x · tanh(softplus(x)) and x times a hard sigmoid of x.
class ActivationFinder {
 public:
  ActivationFinder(std::vector<OnnxNode>& nodes, const Names& outputs) : nodes_(nodes) {
    for (const std::string& name : outputs) ++uses_[name];
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (const std::string& name : nodes[i].inputs) ++uses_[name];
      for (const std::string& name : nodes[i].outputs) makers_[name] = i;
    }
  }

  void join() {
    for (OnnxNode& node : nodes_) {
      if (node.id.kind != "Mul" || node.inputs.size() != 2) continue;
      if (!join(node, node.inputs[0], node.inputs[1])) join(node, node.inputs[1], node.inputs[0]);
    }
    std::erase_if(nodes_, [](const OnnxNode& node) { return node.outputs.empty(); });
  }

 private:
  // The node that produces a tensor with a single reader.
  OnnxNode* only_maker(const std::string& map, const char* kind) {
    const auto found = makers_.find(map);
    if (found == makers_.end() || uses_[map] != 1) return nullptr;
    OnnxNode& node = nodes_[found->second];
    const bool fits = node.id.kind == kind && node.inputs.size() == 1 && node.outputs.size() == 1;
    return fits ? &node : nullptr;
  }

  bool join(OnnxNode& product, const std::string& map, const std::string& factor) {
    OnnxNode* last = only_maker(factor, "Sigmoid");
    OnnxNode* first = last;
    const char* kind = "Swish";
    if (last == nullptr) {
      last = first = only_maker(factor, "HardSigmoid");
      kind = "HardSwish";
      const bool usual = last != nullptr &&
                         std::fabs(last->number("alpha", .2F) - 1.F / 6) < 1e-4F &&
                         last->number("beta", .5F) == .5F;
      if (last != nullptr && !usual) return false;
    }
    if (last == nullptr) {
      last = only_maker(factor, "Tanh");
      first = last != nullptr ? only_maker(last->inputs[0], "Softplus") : nullptr;
      kind = "Mish";
    }
    if (first == nullptr || first->inputs[0] != map) return false;
    const std::string from = map;
    first->outputs.clear();
    last->outputs.clear();
    product.id.kind = kind;
    product.inputs = {from};
    return true;
  }

  std::vector<OnnxNode>& nodes_;
  std::map<std::string, int, std::less<>> uses_;
  std::map<std::string, std::size_t, std::less<>> makers_;
};

}  // namespace

const onnx::Attribute* OnnxNode::attribute(std::string_view name) const {
  for (const onnx::Attribute& attribute : proto->attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

std::int64_t OnnxNode::integer(std::string_view name, std::int64_t otherwise) const {
  const onnx::Attribute* found = attribute(name);
  return found != nullptr ? found->i() : otherwise;
}

float OnnxNode::number(std::string_view name, float otherwise) const {
  const onnx::Attribute* found = attribute(name);
  return found != nullptr ? found->f() : otherwise;
}

std::string OnnxNode::text(std::string_view name, std::string_view otherwise) const {
  const onnx::Attribute* found = attribute(name);
  return found != nullptr ? found->s() : std::string(otherwise);
}

std::vector<std::int64_t> OnnxNode::integers(std::string_view name) const {
  const onnx::Attribute* found = attribute(name);
  if (found == nullptr) return {};
  return {found->ints().begin(), found->ints().end()};
}

std::vector<OnnxNode> list_nodes(const onnx::Graph& graph) {
  std::vector<OnnxNode> nodes;
  for (const onnx::Node& proto : graph.node()) nodes.push_back(node_of(proto));
  Names outputs;
  for (const onnx::ValueInfo& output : graph.output()) outputs.insert(output.name());
  drop_unused(nodes, outputs);
  return nodes;
}

void merge_activations(std::vector<OnnxNode>& nodes, const std::vector<std::string>& outputs) {
  ActivationFinder(nodes, Names(outputs.begin(), outputs.end())).join();
}

bool is_network_operation(std::string_view kind) {
  static constexpr std::string_view kKinds[] = {"Conv",
                                                "ConvTranspose",
                                                "ConvInteger",
                                                "DeformConv",
                                                "QLinearConv",
                                                "BatchNormalization",
                                                "InstanceNormalization",
                                                "LRN",
                                                "MaxPool",
                                                "AveragePool",
                                                "GlobalAveragePool",
                                                "GlobalMaxPool",
                                                "LpPool",
                                                "Resize",
                                                "Upsample",
                                                "Gemm",
                                                "Relu",
                                                "LeakyRelu",
                                                "PRelu",
                                                "Elu",
                                                "Selu",
                                                "Celu",
                                                "ThresholdedRelu",
                                                "HardSwish",
                                                "HardSigmoid",
                                                "Gelu",
                                                "Swish",
                                                "Mish",
                                                "DepthToSpace",
                                                "SpaceToDepth",
                                                "LSTM",
                                                "GRU",
                                                "RNN",
                                                "LayerNormalization"};
  return std::ranges::find(kKinds, kind) != std::end(kKinds);
}

}  // namespace oko::formats

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oko/formats/builder.h"
#include "oko/formats/onnx/onnx.pb.h"

namespace oko::formats {

// The node being read.
struct OnnxNode {
  Node id;                                   // its name, or else its output's, and its operation
  std::vector<std::string> inputs, outputs;  // "" for missing optional ones
  const onnx::Node* proto = nullptr;         // its attributes

  const onnx::Attribute* attribute(std::string_view name) const;
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  float number(std::string_view name, float otherwise) const;
  std::string text(std::string_view name, std::string_view otherwise) const;
  std::vector<std::int64_t> integers(std::string_view name) const;  // empty if missing
  bool has_input(std::size_t i) const { return i < inputs.size() && !inputs[i].empty(); }
};

// The nodes of a graph that its outputs depend on, in order.
std::vector<OnnxNode> list_nodes(const onnx::Graph& graph);

// Makes one node of Swish, Mish and hard swish, which exporters write as two and three.
void merge_activations(std::vector<OnnxNode>& nodes, const std::vector<std::string>& outputs);

// True for operations of a network's body, which are never dropped as post-processing.
bool is_network_operation(std::string_view kind);

}  // namespace oko::formats

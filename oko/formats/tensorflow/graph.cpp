#include "oko/formats/tensorflow/graph.h"

#include <set>

#include "oko/base/error.h"

namespace oko::formats {

TfGraph::TfGraph(const tensorflow::GraphDef& graph, const std::string& file)
    : file_(file), graph_(graph) {
  for (const TfNode& node : graph.node()) {
    if (nodes_.emplace(node.name(), &node).second) continue;
    throw input_error(place(node), "there are two nodes with this name",
                      "the file is damaged: export the graph again");
  }
}

std::string TfGraph::place(const TfNode& node) const {
  return file_ + ": " + node.name() + " (" + node.op() + ")";
}

const TfNode* TfGraph::maker(const std::string& map) const {
  const auto found = nodes_.find(std::string_view(map).substr(0, map.find(':')));
  return found == nodes_.end() ? nullptr : found->second;
}

std::vector<std::string> TfGraph::inputs(const TfNode& node) {
  std::vector<std::string> maps;
  for (const std::string& input : node.input()) {
    if (input.starts_with('^')) continue;
    maps.push_back(input.ends_with(":0") ? input.substr(0, input.size() - 2) : input);
  }
  return maps;
}

std::vector<const TfNode*> TfGraph::ends() const {
  std::set<const TfNode*> read;
  for (const TfNode& node : graph_.node()) {
    for (const std::string& map : inputs(node)) read.insert(maker(map));
  }
  std::vector<const TfNode*> ends;
  for (const TfNode& node : graph_.node()) {
    if (!read.contains(&node)) ends.push_back(&node);
  }
  return ends;
}

const tensorflow::AttrValue* attribute(const TfNode& node, const char* name) {
  const auto found = node.attr().find(name);
  return found == node.attr().end() ? nullptr : &found->second;
}

std::string text(const TfNode& node, const char* name, std::string_view fallback) {
  const auto* value = attribute(node, name);
  return value == nullptr || value->s().empty() ? std::string(fallback) : value->s();
}

bool flag(const TfNode& node, const char* name, bool fallback) {
  const auto* value = attribute(node, name);
  return value == nullptr ? fallback : value->b();
}

}  // namespace oko::formats

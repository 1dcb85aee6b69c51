#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "oko/formats/tensorflow/tensorflow.pb.h"
#include "oko/graph/network.h"

namespace oko::formats {

using TfNode = tensorflow::NodeDef;

// The nodes of a frozen graph. A tensor is identified by its node's name, from the second output on
// with ":1" and so on.
class TfGraph {
 public:
  // Keeps a reference. Throws an input Error if two nodes have the same name.
  TfGraph(const tensorflow::GraphDef& graph, const std::string& file);

  const std::string& file() const { return file_; }
  std::string place(const TfNode& node) const;
  // The node that produces a tensor, or null.
  const TfNode* maker(const std::string& map) const;
  // A node's inputs, without control inputs.
  static std::vector<std::string> inputs(const TfNode& node);
  // Nodes that nothing reads, in the file's order.
  std::vector<const TfNode*> ends() const;

 private:
  std::string file_;
  std::map<std::string, const TfNode*, std::less<>> nodes_;
  const tensorflow::GraphDef& graph_;
};

// Attributes, with TensorFlow's defaults.
const tensorflow::AttrValue* attribute(const TfNode& node, const char* name);
std::string text(const TfNode& node, const char* name, std::string_view fallback);
bool flag(const TfNode& node, const char* name, bool fallback);

}  // namespace oko::formats

#pragma once

#include <string>
#include <vector>

#include "oko/formats/onnx/constants.h"
#include "oko/formats/onnx/node.h"
#include "oko/formats/onnx/node_reader.h"

namespace oko::formats {

// What of a model is the network, found by reading it once.
struct OnnxBody {
  std::vector<OnnxNode> nodes;       // that become layers, in their order
  std::vector<std::string> outputs;  // maps that leave the network
  std::vector<OnnxNode> left_out;    // what works on them afterwards
};

// Works out all that is constant, and tells the network from the post-processing behind it: nodes
// that are no layers, and what reads them. `reader` is used up. Throws an input Error for a node
// that is no layer while a layer reads what it makes.
OnnxBody find_body(std::vector<OnnxNode> nodes, const std::vector<std::string>& graph_outputs,
                   Constants& constants, NodeReader& reader);

}  // namespace oko::formats

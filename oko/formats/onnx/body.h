#pragma once

#include <string>
#include <vector>

#include "oko/formats/onnx/constants.h"
#include "oko/formats/onnx/node.h"
#include "oko/formats/onnx/node_reader.h"

namespace oko::formats {

// Which part of a model is the network, found by reading it once.
struct OnnxBody {
  std::vector<OnnxNode> nodes;       // that become layers, in order
  std::vector<std::string> outputs;  // network outputs
  std::vector<OnnxNode> dropped;     // post-processing
};

// Folds constants and separates the network from its post-processing: nodes that are not layers,
// and their readers. `reader` is consumed. Throws an input Error for a node that is not a layer
// while a layer depends on its output.
OnnxBody find_body(std::vector<OnnxNode> nodes, const std::vector<std::string>& graph_outputs,
                   Constants& constants, NodeReader& reader);

}  // namespace oko::formats

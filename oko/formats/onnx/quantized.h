#pragma once

#include <string>
#include <vector>

#include "oko/formats/onnx/constants.h"
#include "oko/formats/onnx/node.h"

namespace oko::formats {

// Makes the nodes of a model in bytes those of the floats that they stand for: constants are
// dequantized, quantizing nodes between layers left out (QuantizeLinear with DequantizeLinear, and
// ConvInteger and MatMulInteger after DynamicQuantizeLinear). `outputs` of the graph get the names
// of the tensors that remain. False, and nothing is changed, if there are none.
bool undo_quantization(std::vector<OnnxNode>& nodes, std::vector<std::string>& outputs,
                       Constants& constants);

}  // namespace oko::formats

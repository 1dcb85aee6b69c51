#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "oko/formats/onnx/node.h"
#include "oko/graph/tensor.h"

namespace oko::formats {

std::vector<std::int64_t> integers_of(const graph::Tensor& tensor);  // of a kI64 tensor
graph::Tensor tensor_of(std::vector<std::int64_t> values);           // one-dimensional

// What a node computes from constants, or nothing if its kind is not supported, its inputs do not
// fit, or the result would have more than `most_bytes`.
std::optional<graph::Tensor> fold_node(const OnnxNode& node,
                                       const std::vector<graph::Tensor>& inputs,
                                       std::size_t most_bytes);

// Constant nodes whose value is a plain attribute.
bool fold_constant_attributes(const OnnxNode& node,
                              std::map<std::string, graph::Tensor, std::less<>>& values);

}  // namespace oko::formats

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "oko/graph/tensor.h"

namespace oko::formats {

std::vector<std::int64_t> integers_of(const graph::Tensor& tensor);  // of a kI64 tensor
graph::Tensor tensor_of(std::vector<std::int64_t> values);           // one-dimensional

// An operation of a file, whatever its format: its kind and settings in ONNX' words ("Softmax",
// "axis"), its inputs as tensors of kF32 or kI64 (booleans are 0 and 1).
struct Operation {
  std::string kind;
  std::map<std::string, std::vector<std::int64_t>, std::less<>> integers{};
  std::map<std::string, float, std::less<>> numbers{};
  std::vector<const graph::Tensor*> inputs{};  // null: a missing optional one
};

// Computes it: for the constants of a file, of which exporters write long chains, and for what a
// file computes after the network (recognize.h). Nothing if the kind is not supported, its inputs
// do not fit, or a result would have more than `most_bytes`. Split has several results, all others
// one.
std::optional<std::vector<graph::Tensor>> evaluate(const Operation& operation,
                                                   std::size_t most_bytes);

}  // namespace oko::formats

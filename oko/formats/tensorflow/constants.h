#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "oko/formats/tensorflow/graph.h"
#include "oko/graph/tensor.h"

namespace oko::formats {

// The values of a graph that do not depend on the input image: constants, and what is computed from
// them and from tensor shapes. Floats of any size are F32, integers I64.
class TfConstants {
 public:
  // `shape_of` returns a tensor's shape in TensorFlow's order, once it is known.
  using ShapeOf = std::function<std::optional<std::vector<std::int64_t>>(const std::string& map)>;

  TfConstants(const TfGraph& graph, ShapeOf shape_of)
      : graph_(graph), shape_of_(std::move(shape_of)) {}

  // Null if the tensor depends on the input image. Throws an input Error for a broken constant.
  const graph::Tensor* find(const std::string& map) { return find(map, 0); }
  // The integers of a constant; nothing if it is not one or has other values.
  std::optional<std::vector<std::int64_t>> integers(const std::string& map);
  // The value of a scalar constant.
  std::optional<double> scalar(const std::string& map);

 private:
  const graph::Tensor* find(const std::string& map, int depth);
  std::optional<graph::Tensor> compute(const TfNode& node, int depth);
  graph::Tensor decode(const TfNode& node);
  std::optional<graph::Tensor> slice(const TfNode& node,
                                     const std::vector<const graph::Tensor*>& inputs) const;

  const TfGraph& graph_;
  ShapeOf shape_of_;
  std::map<std::string, graph::Tensor> known_;
  std::int64_t filled_ = 0;  // values that constants repeat rather than store
};

}  // namespace oko::formats

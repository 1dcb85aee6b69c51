#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "oko/formats/tensorflow/graph.h"
#include "oko/graph/tensor.h"

namespace oko::formats {

// The values of a graph that do not depend on the picture: constants, and what is computed from
// them and from the shapes of maps. Floats of any size are F32, whole numbers I64.
class TfConstants {
 public:
  // `shape_of` gives the shape of a map as TensorFlow has it, as soon as it is known.
  using ShapeOf = std::function<std::optional<std::vector<std::int64_t>>(const std::string& map)>;

  TfConstants(const TfGraph& graph, ShapeOf shape_of)
      : graph_(graph), shape_of_(std::move(shape_of)) {}

  // Null where the map depends on the picture. Throws an input Error for a broken constant.
  const graph::Tensor* find(const std::string& map) { return find(map, 0); }
  // Whole numbers of a constant; nothing where it is none or holds others.
  std::optional<std::vector<std::int64_t>> integers(const std::string& map);
  // The number of a constant that has one.
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
  std::int64_t filled_ = 0;  // numbers that constants repeat rather than hold
};

}  // namespace oko::formats

#pragma once

#include <map>
#include <optional>
#include <vector>

#include "oko/formats/evaluate.h"
#include "oko/formats/tflite/model.h"

namespace oko::formats::tflite {

// Computes operators on known tensors, in floats even where the model is int8: for what a file
// computes after its network. Tensors are in the file's order, channels last.
class Evaluator {
 public:
  explicit Evaluator(const Model& model) : model_(model) {}

  void set(int tensor, graph::Tensor value) { values_[tensor] = std::move(value); }
  // False if it cannot: its kind is not supported, or an input is not known.
  bool run(const Operator& op);
  const graph::Tensor* find(int tensor) const;

 private:
  using Results = std::optional<std::vector<graph::Tensor>>;
  using Sides = std::vector<std::int64_t>;

  const graph::Tensor* input(const Operator& op, std::size_t i);
  std::optional<Sides> integers(const Operator& op, std::size_t i);
  Results compute(const Operator& op);
  Results simple(const char* kind, const Operator& op, std::size_t inputs);
  Results with(const char* kind, const graph::Tensor& from, const char* setting, Sides values);
  Results concatenate(const Operator& op);
  Results pack(const Operator& op);
  Results unpack(const Operator& op);
  Results split(const Operator& op, bool sizes_given);
  Results slice(const Operator& op);
  Results strided_slice(const Operator& op);
  Results reduce(const char* kind, const Operator& op);
  Results multiply(const Operator& op);
  Results weigh(const Operator& op);
  Results detections(const Operator& op);

  const Model& model_;
  std::map<int, graph::Tensor> values_;
  std::size_t budget_ = std::size_t{1} << 29;  // bytes of all results
};

}  // namespace oko::formats::tflite

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "oko/formats/evaluate.h"
#include "oko/formats/onnx/node.h"
#include "oko/formats/onnx/onnx.pb.h"
#include "oko/graph/tensor.h"

namespace oko::formats {

// The constants of a model: initializers, and what nodes compute from constants and tensor shapes,
// of which exporters write long chains. Tensors are kF32 (from float, float16 and double) or kI64
// (from 32- and 64-bit integers).
class Constants {
 public:
  // Moves the values out of `graph`. `budget` bounds the bytes of all that nodes compute.
  Constants(onnx::Graph& graph, std::string file, int opset, std::size_t budget);

  bool has(const std::string& name) const;
  // Throws an input Error for tensors that are damaged, of another type or stored outside the file.
  const graph::Tensor& get(const std::string& name);
  std::vector<std::int64_t> integers(const OnnxNode& node, std::size_t input);
  std::vector<float> numbers(const OnnxNode& node, std::size_t input);

  // Evaluates a node whose inputs are all constant. False if its kind is not supported.
  bool fold(const OnnxNode& node);
  void set_shape(const std::string& name, std::vector<std::int64_t> shape);
  void set(const std::string& name, graph::Tensor value);
  void set_budget(std::size_t bytes) { budget_ = bytes; }

 private:
  bool add_filling(const OnnxNode& node, Operation& operation) const;
  graph::Tensor load(onnx::Tensor& tensor) const;
  [[noreturn]] void fail(const std::string& name, std::string message, std::string hint = {}) const;

  std::string file_;
  int opset_;
  std::size_t budget_;
  std::map<std::string, onnx::Tensor*, std::less<>> initializers_;
  std::map<std::string, graph::Tensor, std::less<>> loaded_;
};

}  // namespace oko::formats

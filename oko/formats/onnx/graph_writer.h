#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "oko/formats/onnx/onnx.pb.h"
#include "oko/graph/tensor.h"

namespace oko::formats {

// Adds nodes, constants and outputs to an ONNX graph under unique names.
class GraphWriter {
 public:
  explicit GraphWriter(onnx::Graph& graph) : graph_(graph) {}

  // The name, or a similar one if it is taken.
  std::string unused(std::string name);

  // Adds a node with one output and returns that output's name. An empty `output`: the node's name.
  std::string node(const char* operation, const std::string& name,
                   const std::vector<std::string>& inputs, const std::string& output = {});
  // Another output of the node added last, and its attributes.
  std::string more(const std::string& output);
  GraphWriter& set(const char* attribute, std::int64_t value);
  GraphWriter& set(const char* attribute, float value);
  GraphWriter& set(const char* attribute, const char* value);
  GraphWriter& set(const char* attribute, const std::vector<std::int64_t>& values);

  // Add constants and return their names. No dimensions: a scalar.
  std::string floats(const std::string& name, const graph::Tensor& tensor);
  std::string floats(const std::string& name, std::vector<float> values,
                     std::vector<std::int64_t> shape);
  std::string integers(const std::string& name, std::span<const std::int64_t> values);
  std::string integers(const std::string& name, std::initializer_list<std::int64_t> values);
  std::string integer(const std::string& name, std::int64_t value);  // a scalar
  // A float16 constant and the node that casts it to float32.
  std::string halves(const std::string& name, const graph::Tensor& tensor);

  // Dimensions below 0 are dynamic: they are named `open` in the file.
  void output(const std::string& name, int type, const std::vector<std::int64_t>& shape,
              const std::string& doc, const char* open = "");
  void input(const std::string& name, const std::vector<std::int64_t>& shape,
             const std::string& doc);

 private:
  onnx::Tensor& constant(const std::string& name, int type, std::span<const std::int64_t> shape);
  onnx::Attribute& attribute(const char* name, int type);

  onnx::Graph& graph_;
  std::set<std::string, std::less<>> taken_;
};

}  // namespace oko::formats

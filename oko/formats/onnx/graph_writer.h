#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "oko/formats/onnx/onnx.pb.h"
#include "oko/graph/tensor.h"

namespace oko::formats {

// Adds nodes, constants and outputs to an ONNX graph, each under a name of its own.
class GraphWriter {
 public:
  explicit GraphWriter(onnx::Graph& graph) : graph_(graph) {}

  // The name, or where it is taken already, one like it.
  std::string unused(std::string name);

  // A node with one output; gives that output's name. An empty `output`: the node's name.
  std::string node(const char* operation, const std::string& name,
                   const std::vector<std::string>& inputs, const std::string& output = {});
  // One more output of the node that was added last, and its attributes.
  std::string more(const std::string& output);
  GraphWriter& set(const char* attribute, std::int64_t value);
  GraphWriter& set(const char* attribute, float value);
  GraphWriter& set(const char* attribute, const char* value);
  GraphWriter& set(const char* attribute, const std::vector<std::int64_t>& values);

  // Constants; they give their names. No dimensions: a scalar.
  std::string floats(const std::string& name, const graph::Tensor& tensor);
  std::string floats(const std::string& name, std::vector<float> values,
                     std::vector<std::int64_t> shape);
  std::string integers(const std::string& name, std::span<const std::int64_t> values);
  std::string integers(const std::string& name, std::initializer_list<std::int64_t> values);
  std::string integer(const std::string& name, std::int64_t value);  // a scalar
  // A float16 constant and the node that makes it float32.
  std::string halves(const std::string& name, const graph::Tensor& tensor);

  // Sides below 0 are open: they are called `open` in the file.
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

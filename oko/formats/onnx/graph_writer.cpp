#include "oko/formats/onnx/graph_writer.h"

#include <utility>

#include "oko/base/half.h"
#include "oko/formats/onnx/parse.h"

namespace oko::formats {
namespace {

void set_bytes(onnx::Tensor& tensor, std::span<const std::byte> bytes) {
  tensor.set_raw_data(bytes.data(), bytes.size());
}

void describe(onnx::ValueInfo& value, const std::string& name, int type,
              const std::vector<std::int64_t>& shape, const std::string& doc, const char* open) {
  value.set_name(name);
  if (!doc.empty()) value.set_doc_string(doc);
  onnx::TensorType& tensor = *value.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  for (const std::int64_t side : shape) {
    onnx::Dimension& dimension = *tensor.mutable_shape()->add_dim();
    if (side < 0) {
      dimension.set_dim_param(open);
    } else {
      dimension.set_dim_value(side);
    }
  }
}

}  // namespace

std::string GraphWriter::unused(std::string name) {
  while (!taken_.insert(name).second) name += "_";
  return name;
}

std::string GraphWriter::node(const char* operation, const std::string& name,
                              const std::vector<std::string>& inputs, const std::string& output) {
  onnx::Node& node = *graph_.add_node();
  node.set_op_type(operation);
  node.set_name(name);
  for (const std::string& input : inputs) node.add_input(input);
  std::string map = output.empty() ? unused(name) : output;
  node.add_output(map);
  return map;
}

std::string GraphWriter::more(const std::string& output) {
  std::string map = unused(output);
  graph_.mutable_node(graph_.node_size() - 1)->add_output(map);
  return map;
}

onnx::Attribute& GraphWriter::attribute(const char* name, int type) {
  onnx::Attribute& attribute = *graph_.mutable_node(graph_.node_size() - 1)->add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

GraphWriter& GraphWriter::set(const char* name, std::int64_t value) {
  attribute(name, 2).set_i(value);
  return *this;
}

GraphWriter& GraphWriter::set(const char* name, float value) {
  attribute(name, 1).set_f(value);
  return *this;
}

GraphWriter& GraphWriter::set(const char* name, const char* value) {
  attribute(name, 3).set_s(value);
  return *this;
}

GraphWriter& GraphWriter::set(const char* name, const std::vector<std::int64_t>& values) {
  attribute(name, 7).mutable_ints()->Add(values.begin(), values.end());
  return *this;
}

onnx::Tensor& GraphWriter::constant(const std::string& name, int type,
                                    std::span<const std::int64_t> shape) {
  onnx::Tensor& tensor = *graph_.add_initializer();
  tensor.set_name(unused(name));
  tensor.set_data_type(type);
  tensor.mutable_dims()->Add(shape.begin(), shape.end());
  return tensor;
}

std::string GraphWriter::floats(const std::string& name, const graph::Tensor& tensor) {
  onnx::Tensor& to = constant(name, kOnnxFloat, tensor.shape);
  set_bytes(to, std::as_bytes(tensor.floats()));
  return to.name();
}

std::string GraphWriter::floats(const std::string& name, std::vector<float> values,
                                std::vector<std::int64_t> shape) {
  return floats(name, graph::Tensor::of(std::move(values), std::move(shape)));
}

std::string GraphWriter::integers(const std::string& name, std::span<const std::int64_t> values) {
  const std::int64_t count[] = {static_cast<std::int64_t>(values.size())};
  onnx::Tensor& to = constant(name, kOnnxInt64, count);
  set_bytes(to, std::as_bytes(values));
  return to.name();
}

std::string GraphWriter::integers(const std::string& name,
                                  std::initializer_list<std::int64_t> values) {
  return integers(name, std::span(values.begin(), values.size()));
}

std::string GraphWriter::integer(const std::string& name, std::int64_t value) {
  onnx::Tensor& to = constant(name, kOnnxInt64, {});
  set_bytes(to, std::as_bytes(std::span(&value, 1)));
  return to.name();
}

std::string GraphWriter::halves(const std::string& name, const graph::Tensor& tensor) {
  std::vector<Half> values;
  for (const float value : tensor.floats()) values.push_back(to_half(value));
  onnx::Tensor& to = constant(name + ".float16", kOnnxFloat16, tensor.shape);
  set_bytes(to, std::as_bytes(std::span(values)));
  const std::string half = to.name();
  const std::string whole = node("Cast", name, {half});
  set("to", std::int64_t{kOnnxFloat});
  return whole;
}

void GraphWriter::output(const std::string& name, int type, const std::vector<std::int64_t>& shape,
                         const std::string& doc, const char* open) {
  describe(*graph_.add_output(), name, type, shape, doc, open);
}

void GraphWriter::input(const std::string& name, const std::vector<std::int64_t>& shape,
                        const std::string& doc) {
  describe(*graph_.add_input(), name, kOnnxFloat, shape, doc, "");
}

}  // namespace oko::formats

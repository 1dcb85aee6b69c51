#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/formats/builder.h"
#include "oko/formats/tflite/tflite_generated.h"
#include "oko/graph/tensor.h"

namespace oko::formats::tflite {

using oko::tflite::Code;
using oko::tflite::TensorType;

// One operator. Tensors are indices in the subgraph; -1 for a missing optional one.
struct Operator {
  Code code{};
  std::string kind;  // "CONV_2D", for messages
  std::vector<int> inputs, outputs;
  const oko::tflite::Operator* raw = nullptr;
};

// Whether it only changes how values are stored: their type, or all of them in place of a few.
constexpr bool is_retyped(const Operator& op) {
  return op.code == Code::QUANTIZE || op.code == Code::DEQUANTIZE || op.code == Code::DENSIFY;
}

// A verified model file: every offset is inside the file, every tensor, buffer and operator code
// index is valid. Throws input Errors.
class Model {
 public:
  Model(const Bytes& file, std::string name);

  const std::string& file() const { return file_; }
  const oko::tflite::Model& raw() const { return *raw_; }
  const std::vector<Operator>& operators() const { return operators_; }
  const std::vector<int>& inputs() const { return inputs_; }
  const std::vector<int>& outputs() const { return outputs_; }
  // A second output was the maps that masks of instances are made of, and is left out.
  bool had_masks() const { return had_masks_; }
  std::size_t tensor_count() const { return tensors_.size(); }
  const std::string& name_of(int tensor) const { return at(tensor).name; }
  TensorType type_of(int tensor) const { return at(tensor).type; }
  std::string metadata(std::string_view name) const;  // "" without it
  // What is in one of the model's buffers: newer converters write large ones after all tables.
  std::span<const std::byte> data_of(const oko::tflite::Buffer& buffer) const;

  // "model.tflite: conv1 (CONV_2D)", as in NetworkBuilder.
  Node node(const Operator& op) const;
  [[noreturn]] void fail(const Operator& op, std::string message, std::string hint = {}) const;

  // An activation's shape [1, rows, columns, channels]; one of two dimensions has one row and
  // column.
  graph::Shape map_shape(const Operator& op, int tensor) const;
  bool is_map(int tensor) const;  // of four dimensions, the first of which is 1
  const std::vector<int>& sides(int tensor) const { return at(tensor).shape; }
  bool is_constant(int tensor) const;
  // A constant as floats in its own order: from float32, float16, or quantized int8 and int32.
  graph::Tensor floats(const Operator& op, int tensor) const;
  std::vector<int> integers(const Operator& op, int tensor) const;
  // A constant as kF32, or as kI64 if it has integers that stand for themselves.
  graph::Tensor constant(const Operator& op, int tensor) const;
  bool is_lowest_byte(int tensor) const;  // one int8, -128
  // The range of values of a quantized tensor; nothing for other tensors.
  std::optional<std::pair<float, float>> byte_range(int tensor) const;
  // The options of an operator; throws if it has others or none.
  template <typename OptionsT>
  const OptionsT& options(const Operator& op) const {
    const auto* found = op.raw->options_as<OptionsT>();
    if (found == nullptr) fail(op, "lacks its options", "the file is damaged");
    return *found;
  }

 private:
  struct Tensor {
    std::string name;
    std::vector<int> shape;
    TensorType type{};
    std::span<const std::byte> data;
    const oko::tflite::Quantization* quantization = nullptr;
  };
  const Tensor& at(int tensor) const { return tensors_[tensor]; }
  [[noreturn]] void damaged(const std::string& what) const;
  void read_tensors(const oko::tflite::SubGraph& graph);
  void expand(const oko::tflite::Sparsity& sparsity, Tensor& tensor, const std::string& place);
  void read_operators(const oko::tflite::SubGraph& graph);
  void drop_masks();
  std::vector<int> indices(const flatbuffers::Vector<std::int32_t>* list, const char* what,
                           bool optional) const;
  static std::size_t scaled_side(const Tensor& from, std::size_t scales);
  std::vector<float> dequantized(const Operator& op, const Tensor& from,
                                 std::vector<float> values) const;
  std::span<const std::byte> whole(const Operator& op, int tensor, std::size_t size) const;

  Bytes bytes_;
  std::string file_;
  const oko::tflite::Model* raw_ = nullptr;
  std::vector<Tensor> tensors_;
  std::vector<std::vector<std::byte>> expanded_;  // of those that the file has in part
  std::size_t expanded_bytes_ = 0;
  std::vector<Operator> operators_;
  std::vector<int> inputs_, outputs_;
  bool had_masks_ = false;
  mutable std::size_t made_ = 0;  // bytes of floats, to bound constants that are read often
};

}  // namespace oko::formats::tflite

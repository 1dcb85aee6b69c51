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

// One operator as a reader sees it. Tensors are numbers of the subgraph; -1 where an optional one
// is left out.
struct Operator {
  Code code{};
  std::string kind;  // "CONV_2D", for messages
  std::vector<int> inputs, outputs;
  const oko::tflite::Operator* raw = nullptr;
};

// A model file that was checked: every offset lies in the file, every number of a tensor, buffer or
// operator code is there. Throws input Errors.
class Model {
 public:
  Model(const Bytes& file, std::string name);

  const std::string& file() const { return file_; }
  const oko::tflite::Model& raw() const { return *raw_; }
  const std::vector<Operator>& operators() const { return operators_; }
  const std::vector<int>& inputs() const { return inputs_; }
  const std::vector<int>& outputs() const { return outputs_; }
  std::size_t tensor_count() const { return tensors_.size(); }
  const std::string& name_of(int tensor) const { return at(tensor).name; }
  TensorType type_of(int tensor) const { return at(tensor).type; }
  std::string metadata(std::string_view name) const;  // "" without it

  // "model.tflite: conv1 (CONV_2D)", as NetworkBuilder has it.
  Node node(const Operator& op) const;
  [[noreturn]] void fail(const Operator& op, std::string message, std::string hint = {}) const;

  // A map's shape [1, rows, columns, channels]; one of two sides has one row and one column.
  graph::Shape map_shape(const Operator& op, int tensor) const;
  bool is_map(int tensor) const;  // of four sides, the first of which is 1
  const std::vector<int>& sides(int tensor) const { return at(tensor).shape; }
  bool is_constant(int tensor) const;
  // A constant as floats in its own order: float32, float16, or bytes and 32-bit sums with scales.
  graph::Tensor floats(const Operator& op, int tensor) const;
  std::vector<int> integers(const Operator& op, int tensor) const;
  bool is_lowest_byte(int tensor) const;  // one int8, -128
  // What the bytes of a quantized map stand for at their ends; nothing for other maps.
  std::optional<std::pair<float, float>> byte_range(int tensor) const;
  // The options of an operator; throws where it has others or none.
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
  const Tensor& at(int tensor) const { return tensors_[static_cast<std::size_t>(tensor)]; }
  [[noreturn]] void damaged(const std::string& what) const;
  void read_tensors(const oko::tflite::SubGraph& graph);
  void read_operators(const oko::tflite::SubGraph& graph);
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
  std::vector<Operator> operators_;
  std::vector<int> inputs_, outputs_;
  mutable std::size_t made_ = 0;  // bytes of floats, so that a constant read often is no trap
};

}  // namespace oko::formats::tflite

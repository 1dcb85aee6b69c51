#pragma once

#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/formats/tflite/tflite_generated.h"

// For the tests only: a model file, operator by operator.
namespace oko::formats {

class LiteGraph {
 public:
  using Sides = std::vector<int>;
  using Code = oko::tflite::Code;

  LiteGraph() {
    model_.version = 3;
    model_.subgraphs.push_back(std::make_unique<oko::tflite::SubGraphT>());
    model_.buffers.push_back(std::make_unique<oko::tflite::BufferT>());
  }

  int tensor(const Sides& shape, const std::string& name = "t") {
    auto tensor = std::make_unique<oko::tflite::TensorT>();
    tensor->shape = shape;
    tensor->name = name + std::to_string(graph().tensors.size());
    graph().tensors.push_back(std::move(tensor));
    return static_cast<int>(graph().tensors.size()) - 1;
  }
  int input(const Sides& shape) { return graph().inputs.emplace_back(tensor(shape, "image")); }
  int floats(const Sides& shape, const std::vector<float>& values) {
    return filled(tensor(shape, "constant"), values, oko::tflite::TensorType::FLOAT32);
  }
  int integers(const std::vector<int>& values) {
    return tensor_of({static_cast<int>(values.size())}, values);
  }
  int tensor_of(const Sides& shape, const std::vector<int>& values) {
    return filled(tensor(shape, "list"), values, oko::tflite::TensorType::INT32);
  }

  // Makes a tensor one of bytes, of (byte − zero) · scale.
  int as_bytes(int tensor, float scale, std::int64_t zero) {
    oko::tflite::TensorT& made = *graph().tensors[static_cast<std::size_t>(tensor)];
    made.type = oko::tflite::TensorType::UINT8;
    made.quantization = std::make_unique<oko::tflite::QuantizationT>();
    made.quantization->scale = {scale};
    made.quantization->zero_point = {zero};
    return tensor;
  }
  // A tensor of which only these values are in the file.
  int sparse(const Sides& shape, const std::vector<float>& stored,
             const oko::tflite::SparsityT& sparsity) {
    const int made = floats(shape, stored);
    graph().tensors[static_cast<std::size_t>(made)]->sparsity =
        std::make_unique<oko::tflite::SparsityT>(sparsity);
    return made;
  }

  template <typename OptionsT>
  int op(Code code, const std::vector<int>& inputs, const Sides& shape, OptionsT options) {
    const int to = tensor(shape);
    add(code, inputs, {to}).options.Set(std::move(options));
    return to;
  }
  int op(Code code, const std::vector<int>& inputs, const Sides& shape) {
    const int to = tensor(shape);
    add(code, inputs, {to});
    return to;
  }
  oko::tflite::OperatorT& add(Code code, const std::vector<int>& inputs,
                              const std::vector<int>& outputs, const std::string& custom = {}) {
    auto kind = std::make_unique<oko::tflite::OperatorCodeT>();
    kind->code = code;
    kind->old_code = static_cast<std::int8_t>(code);
    kind->custom_code = custom;
    auto op = std::make_unique<oko::tflite::OperatorT>();
    op->code_index = static_cast<std::uint32_t>(model_.operator_codes.size());
    op->inputs = inputs;
    op->outputs = outputs;
    model_.operator_codes.push_back(std::move(kind));
    return *graph().operators.emplace_back(std::move(op));
  }

  // A 1x1 convolution without padding, of synthetic weights from `first` on.
  int convolution(int from, const Sides& shape, int channels, int stride, float first = 0) {
    const int filters = shape.back();
    std::vector<float> kernel(static_cast<std::size_t>(filters) *
                              static_cast<std::size_t>(channels));
    for (std::size_t i = 0; i < kernel.size(); ++i) kernel[i] = first + static_cast<float>(i) / 64;
    oko::tflite::Conv2DOptionsT options;
    options.padding = oko::tflite::Padding::VALID;
    options.stride_w = options.stride_h = stride;
    const std::vector<float> bias(static_cast<std::size_t>(filters), .25F);
    return op(Code::CONV_2D,
              {from, floats({filters, 1, 1, channels}, kernel), floats({filters}, bias)}, shape,
              options);
  }
  int reshape(int from, const Sides& shape) {
    return op(Code::RESHAPE, {from, integers(shape)}, shape, oko::tflite::ReshapeOptionsT{});
  }
  int concat(const std::vector<int>& from, const Sides& shape, int axis) {
    oko::tflite::ConcatenationOptionsT options;
    options.axis = axis;
    return op(Code::CONCATENATION, from, shape, options);
  }

  void output(int tensor) { graph().outputs.push_back(tensor); }
  void metadata(const std::string& name, std::vector<std::uint8_t> bytes) {
    auto entry = std::make_unique<oko::tflite::MetadataT>();
    entry->name = name;
    entry->buffer = static_cast<std::uint32_t>(model_.buffers.size());
    model_.metadata.push_back(std::move(entry));
    model_.buffers.push_back(std::make_unique<oko::tflite::BufferT>());
    model_.buffers.back()->data = std::move(bytes);
  }

  std::vector<std::byte> bytes() const {
    flatbuffers::FlatBufferBuilder builder;
    oko::tflite::FinishModelBuffer(builder, oko::tflite::Model::Pack(builder, &model_));
    const auto whole = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
    return {whole.begin(), whole.end()};
  }
  Bytes file() const { return Bytes::own(bytes()); }

  // The same file with its buffers behind the tables, each `shift` bytes further than it should be.
  Bytes file_with_buffers_behind(std::uint64_t shift = 0) {
    std::vector<std::vector<std::uint8_t>> data;
    for (auto& buffer : model_.buffers) {
      data.push_back(std::move(buffer->data));
      buffer->data.clear();
      buffer->offset = buffer->size = 2;  // what is not 0 takes room
    }
    std::uint64_t at = bytes().size();
    for (std::size_t i = 0; i < data.size(); ++i) {
      model_.buffers[i]->offset = data[i].empty() ? 1 : at + shift;
      model_.buffers[i]->size = data[i].empty() ? 1 : data[i].size();
      at += data[i].size();
    }
    std::vector<std::byte> file = bytes();
    for (const auto& one : data) {
      const auto part = std::as_bytes(std::span(one));
      file.insert(file.end(), part.begin(), part.end());
    }
    return Bytes::own(std::move(file));
  }

 private:
  oko::tflite::SubGraphT& graph() { return *model_.subgraphs.front(); }
  template <typename T>
  int filled(int tensor, const std::vector<T>& values, oko::tflite::TensorType type) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(values.data());
    graph().tensors[static_cast<std::size_t>(tensor)]->type = type;
    graph().tensors[static_cast<std::size_t>(tensor)]->buffer =
        static_cast<std::uint32_t>(model_.buffers.size());
    model_.buffers.push_back(std::make_unique<oko::tflite::BufferT>());
    model_.buffers.back()->data.assign(first, first + values.size() * sizeof(T));
    return tensor;
  }

  oko::tflite::ModelT model_;
};

}  // namespace oko::formats

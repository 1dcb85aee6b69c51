#include "oko/formats/tflite/emit.h"

#include <algorithm>
#include <cstring>

namespace oko::formats::tflite {

using oko::tflite::Code;
using oko::tflite::TensorType;

Emitter::Emitter() {
  model_.version = 3;
  model_.buffers.push_back(std::make_unique<oko::tflite::BufferT>());  // of tensors without data
  model_.subgraphs.push_back(std::make_unique<oko::tflite::SubGraphT>());
  graph_ = model_.subgraphs.front().get();
  graph_->name = "main";
}

std::uint32_t Emitter::add_buffer(std::span<const std::byte> bytes) {
  auto& buffer = *model_.buffers.emplace_back(std::make_unique<oko::tflite::BufferT>());
  buffer.data.resize(bytes.size());
  if (!bytes.empty()) std::memcpy(buffer.data.data(), bytes.data(), bytes.size());
  return static_cast<std::uint32_t>(model_.buffers.size() - 1);
}

int Emitter::add_tensor(const std::string& name, std::vector<int> shape, TensorType type,
                        std::uint32_t buffer) {
  auto& tensor = *graph_->tensors.emplace_back(std::make_unique<oko::tflite::TensorT>());
  tensor.name = name;
  tensor.shape = std::move(shape);
  tensor.type = type;
  tensor.buffer = buffer;
  return static_cast<int>(graph_->tensors.size()) - 1;
}

int Emitter::map(const std::string& name, const graph::Shape& shape,
                 const std::optional<MapScale>& scale) {
  return tensor(name, {1, shape.height, shape.width, shape.channels}, scale);
}

int Emitter::map(const std::string& name, const graph::Shape& shape, TensorType type,
                 const std::optional<MapScale>& scale) {
  return add_scaled(name, {1, shape.height, shape.width, shape.channels}, type, scale);
}

int Emitter::tensor(const std::string& name, std::vector<int> sides,
                    const std::optional<MapScale>& scale) {
  return add_scaled(name, std::move(sides), scale ? TensorType::INT8 : TensorType::FLOAT32, scale);
}

int Emitter::add_scaled(const std::string& name, std::vector<int> sides, TensorType type,
                        const std::optional<MapScale>& scale) {
  const int index = add_tensor(name, std::move(sides), type, 0);
  if (scale) {
    auto quantization = std::make_unique<oko::tflite::QuantizationT>();
    quantization->scale = {scale->scale};
    quantization->zero_point = {scale->zero};
    graph_->tensors.back()->quantization = std::move(quantization);
  }
  return index;
}

const std::vector<int>& Emitter::sides(int tensor) const { return graph_->tensors[tensor]->shape; }

const std::string& Emitter::name(int tensor) const { return graph_->tensors[tensor]->name; }

std::optional<MapScale> Emitter::scale(int tensor) const {
  const auto& quantization = graph_->tensors[tensor]->quantization;
  if (quantization == nullptr) return std::nullopt;
  return MapScale{quantization->scale.front(), static_cast<int>(quantization->zero_point.front())};
}

graph::Shape Emitter::shape(int tensor) const {
  const std::vector<int>& sides = graph_->tensors[tensor]->shape;
  return {sides[3], sides[1], sides[2]};
}

int Emitter::made(const std::string& name, std::vector<int> shape) {
  return add_tensor(name, std::move(shape), TensorType::FLOAT32, 0);
}

int Emitter::constant(const std::string& name, std::vector<int> shape,
                      std::span<const float> values) {
  return constant(name, std::move(shape), TensorType::FLOAT32, std::as_bytes(values));
}

int Emitter::constant(const std::string& name, std::vector<int> shape,
                      std::span<const int> values) {
  return constant(name, std::move(shape), TensorType::INT32, std::as_bytes(values));
}

int Emitter::constant(const std::string& name, std::vector<int> shape, TensorType type,
                      std::span<const std::byte> bytes, std::vector<float> scales, int axis,
                      int zero) {
  const int index = add_tensor(name, std::move(shape), type, add_buffer(bytes));
  if (!scales.empty()) {
    auto quantization = std::make_unique<oko::tflite::QuantizationT>();
    quantization->zero_point.assign(scales.size(), zero);
    quantization->scale = std::move(scales);
    quantization->quantized_dimension = axis;
    graph_->tensors.back()->quantization = std::move(quantization);
  }
  return index;
}

void Emitter::add_operator(Code code, std::vector<int> inputs, std::vector<int> outputs,
                           oko::tflite::OptionsUnion options, int version) {
  const auto [found, added] =
      codes_.emplace(std::pair(code, version), static_cast<std::uint32_t>(codes_.size()));
  if (added) {
    auto& entry =
        *model_.operator_codes.emplace_back(std::make_unique<oko::tflite::OperatorCodeT>());
    entry.code = code;
    entry.old_code = static_cast<std::int8_t>(std::min(static_cast<int>(code), 127));
    entry.version = version;
  }
  auto& op = *graph_->operators.emplace_back(std::make_unique<oko::tflite::OperatorT>());
  op.code_index = found->second;
  op.inputs = std::move(inputs);
  op.outputs = std::move(outputs);
  op.options = std::move(options);
}

void Emitter::add_metadata(const std::string& name, std::span<const std::byte> bytes) {
  auto& entry = *model_.metadata.emplace_back(std::make_unique<oko::tflite::MetadataT>());
  entry.name = name;
  entry.buffer = add_buffer(bytes);
}

std::vector<std::byte> Emitter::finish(const std::string& description, std::vector<int> inputs,
                                       std::vector<int> outputs) {
  model_.description = description;
  graph_->inputs = std::move(inputs);
  graph_->outputs = std::move(outputs);
  auto signature = std::make_unique<oko::tflite::SignatureDefT>();
  const auto name_all = [&](const std::vector<int>& tensors, auto& maps) {
    for (const int tensor : tensors) {
      auto& entry = *maps.emplace_back(std::make_unique<oko::tflite::TensorMapT>());
      entry.name = graph_->tensors[tensor]->name;
      entry.tensor_index = static_cast<std::uint32_t>(tensor);
    }
  };
  name_all(graph_->inputs, signature->inputs);
  name_all(graph_->outputs, signature->outputs);
  signature->signature_key = "serving_default";
  model_.signatures.push_back(std::move(signature));
  flatbuffers::FlatBufferBuilder builder(1 << 20);
  oko::tflite::FinishModelBuffer(builder, oko::tflite::Model::Pack(builder, &model_));
  const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  return {bytes.begin(), bytes.end()};
}

}  // namespace oko::formats::tflite

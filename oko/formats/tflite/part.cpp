#include <algorithm>
#include <cstring>
#include <memory>
#include <set>

#include "oko/base/half.h"
#include "oko/formats/tflite.h"
#include "oko/formats/tflite/model.h"

namespace oko::formats {
namespace {

// These tensors and everything they depend on. Operators come after those they read.
std::set<int> needed_for(const tflite::Model& model, const std::vector<int>& tensors) {
  std::set<int> needed(tensors.begin(), tensors.end());
  const auto& operators = model.operators();
  for (auto op = operators.rbegin(); op != operators.rend(); ++op) {
    if (std::ranges::any_of(op->outputs, [&](int to) { return needed.contains(to); })) {
      needed.insert(op->inputs.begin(), op->inputs.end());
    }
  }
  return needed;
}

std::vector<std::uint8_t> as_floats(const std::vector<std::uint8_t>& halves) {
  std::vector<std::uint8_t> bytes(halves.size() / sizeof(Half) * sizeof(float));
  for (std::size_t i = 0; i < halves.size() / sizeof(Half); ++i) {
    Half half;
    std::memcpy(&half, halves.data() + i * sizeof half, sizeof half);
    const float value = to_float(half);
    std::memcpy(bytes.data() + i * sizeof value, &value, sizeof value);
  }
  return bytes;
}

// Buffers that lie after the tables become parts of these.
void take_in_buffers(const tflite::Model& model, oko::tflite::ModelT& tables) {
  for (std::size_t i = 0; i < tables.buffers.size(); ++i) {
    oko::tflite::BufferT& buffer = *tables.buffers[i];
    if (buffer.offset < 2) continue;
    const auto data = model.data_of(*model.raw().buffers()->Get(static_cast<unsigned>(i)));
    const auto* first = reinterpret_cast<const std::uint8_t*>(data.data());
    buffer.data.assign(first, first + data.size());
    buffer.offset = buffer.size = 0;
  }
}

// Of splits: an axis that is counted from the last one crashes Arm NN 20.08.
void count_axes_from_the_first(const tflite::Model& model, oko::tflite::ModelT& tables) {
  oko::tflite::SubGraphT& graph = *tables.subgraphs.front();
  for (const tflite::Operator& op : model.operators()) {
    if (op.code != oko::tflite::Code::SPLIT || op.inputs.size() != 2) continue;
    oko::tflite::TensorT& axis = *graph.tensors[op.inputs[0]];
    const std::vector<std::uint8_t>& bytes = tables.buffers[axis.buffer]->data;
    std::int32_t value = 0;
    if (axis.type != oko::tflite::TensorType::INT32 || bytes.size() != sizeof value) continue;
    std::memcpy(&value, bytes.data(), sizeof value);
    if (value >= 0) continue;
    value += static_cast<std::int32_t>(model.sides(op.inputs[1]).size());
    auto buffer = std::make_unique<oko::tflite::BufferT>();
    buffer->data.resize(sizeof value);
    std::memcpy(buffer->data.data(), &value, sizeof value);
    axis.buffer = static_cast<std::uint32_t>(tables.buffers.size());
    tables.buffers.push_back(std::move(buffer));
  }
}

// What older programs do not support: float16 weights dequantized by an operator, and biases whose
// scales name the kernel's dimension.
void make_plain(const tflite::Model& model, oko::tflite::ModelT& tables) {
  oko::tflite::SubGraphT& graph = *tables.subgraphs.front();
  const auto tensor = [&](int index) -> oko::tflite::TensorT& { return *graph.tensors[index]; };
  for (const auto& op : graph.operators) {
    const bool is_one = op->inputs.size() == 1 && op->outputs.size() == 1;
    const oko::tflite::OperatorCodeT& code = *tables.operator_codes[op->code_index];
    constexpr auto kDequantize = oko::tflite::Code::DEQUANTIZE;
    const bool dequantizes =
        code.code == kDequantize || code.old_code == static_cast<std::int8_t>(kDequantize);
    if (!is_one || !dequantizes) continue;
    const int input = op->inputs.front();
    const oko::tflite::TensorT& from = tensor(input);
    oko::tflite::TensorT& to = tensor(op->outputs.front());
    if (!model.is_constant(input) || from.type != oko::tflite::TensorType::FLOAT16) continue;
    to.buffer = static_cast<std::uint32_t>(tables.buffers.size());
    to.type = oko::tflite::TensorType::FLOAT32;
    auto floats = std::make_unique<oko::tflite::BufferT>();
    floats->data = as_floats(tables.buffers[from.buffer]->data);
    tables.buffers.push_back(std::move(floats));
    op->outputs.clear();  // no longer needed
  }
  for (const auto& each : graph.tensors) {
    if (each->quantization && each->shape.size() == 1) each->quantization->quantized_dimension = 0;
  }
}

}  // namespace

TflitePart tflite_part(const Bytes& file, const std::string& name,
                       const std::vector<std::string>& keys) {
  const tflite::Model model(file, name);
  std::vector<int> outputs;
  for (const std::string& key : keys) outputs.push_back(std::stoi(key));
  const std::set<int> needed = needed_for(model, outputs);
  const auto tables = std::unique_ptr<oko::tflite::ModelT>(model.raw().UnPack());
  take_in_buffers(model, *tables);
  oko::tflite::SubGraphT& graph = *tables->subgraphs.front();
  make_plain(model, *tables);
  count_axes_from_the_first(model, *tables);
  std::erase_if(graph.operators, [&](const auto& op) {
    return std::ranges::none_of(op->outputs, [&](int to) { return needed.contains(to); });
  });
  TflitePart part;
  const auto rename = [&](int tensor, std::string given) {
    return graph.tensors[tensor]->name = std::move(given);
  };
  part.input = rename(model.inputs().at(0), "part.input");
  for (const int tensor : outputs) {
    part.outputs.push_back(rename(tensor, "part.output." + std::to_string(part.outputs.size())));
  }
  graph.outputs = outputs;
  tables->signatures.clear();
  flatbuffers::FlatBufferBuilder builder;
  oko::tflite::FinishModelBuffer(builder, oko::tflite::Model::Pack(builder, tables.get()));
  const auto* first = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  part.bytes = Bytes(std::vector<std::byte>(first, first + builder.GetSize()));
  return part;
}

bool tflite_resizes_from_centres(const Bytes& file, const std::string& name) {
  using oko::tflite::Code;
  const tflite::Model model(file, name);
  return std::ranges::any_of(model.operators(), [&](const tflite::Operator& op) {
    if (op.code == Code::RESIZE_BILINEAR) {
      return model.options<oko::tflite::ResizeBilinearOptions>(op).half_pixel_centers();
    }
    return op.code == Code::RESIZE_NEAREST_NEIGHBOR &&
           model.options<oko::tflite::ResizeNearestNeighborOptions>(op).half_pixel_centers();
  });
}

bool tflite_computes_in_bytes(const Bytes& file, const std::string& name) {
  using oko::tflite::Code;
  using oko::tflite::TensorType;
  const tflite::Model model(file, name);
  return std::ranges::any_of(model.operators(), [&](const tflite::Operator& op) {
    if (op.code != Code::CONV_2D && op.code != Code::DEPTHWISE_CONV_2D) return false;
    const TensorType type = model.type_of(op.outputs.front());
    return type == TensorType::INT8 || type == TensorType::UINT8;
  });
}

}  // namespace oko::formats

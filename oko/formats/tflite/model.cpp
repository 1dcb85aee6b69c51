#include "oko/formats/tflite/model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <set>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/formats/tflite/sparse.h"

namespace oko::formats::tflite {
namespace {

constexpr std::size_t kMostTensors = 1 << 16;

// FlatBuffers reads values in place and aligns them for files that start at such an address.
Bytes aligned(const Bytes& bytes) {
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % 16 == 0) return bytes;
  struct alignas(16) Block {
    std::byte bytes[16];
  };
  std::vector<Block> blocks((bytes.size() + 15) / 16);
  std::memcpy(blocks.data(), bytes.data(), bytes.size());
  return Bytes::own(std::move(blocks)).part(0, bytes.size());
}

Code code_of(const oko::tflite::OperatorCode& code) {
  return static_cast<Code>(std::max(static_cast<int>(code.code()), int{code.old_code()}));
}

std::string kind_of(const oko::tflite::OperatorCode& code) {
  if (code.custom_code() != nullptr && code.custom_code()->size() > 0) {
    return "custom " + code.custom_code()->str();
  }
  const std::string known = oko::tflite::EnumNameCode(code_of(code));
  return known.empty() ? "operator " + std::to_string(static_cast<int>(code_of(code))) : known;
}

}  // namespace

void Model::damaged(const std::string& what) const {
  throw input_error(file_, what, "the file is damaged or truncated");
}

Model::Model(const Bytes& file, std::string name) : bytes_(aligned(file)), file_(std::move(name)) {
  const auto* start = reinterpret_cast<const std::uint8_t*>(bytes_.data());
  constexpr std::size_t kLeast = 16;  // an offset, the format's identifier, and some data
  if (bytes_.size() < kLeast || std::memcmp(start + 4, "TFL3", 4) != 0) {
    throw input_error(file_ + "@4", "is not a TensorFlow Lite model: expected \"TFL3\"");
  }
  if (bytes_.size() > FLATBUFFERS_MAX_BUFFER_SIZE) damaged("the file is over 2 GB");
  flatbuffers::Verifier verifier(start, bytes_.size(), 64, 1 << 20);
  if (!oko::tflite::VerifyModelBuffer(verifier)) damaged("offsets point outside the file");
  raw_ = oko::tflite::GetModel(start);
  const auto* graphs = raw_->subgraphs();
  if (graphs == nullptr || graphs->size() == 0 || graphs->Get(0)->tensors() == nullptr) {
    damaged("it contains no graph");
  }
  if (graphs->size() > 1) {
    throw input_error(file_, "has " + std::to_string(graphs->size()) + " graphs",
                      "export the model without control flow");
  }
  read_tensors(*graphs->Get(0));
  inputs_ = indices(graphs->Get(0)->inputs(), "an input", false);
  outputs_ = indices(graphs->Get(0)->outputs(), "an output", false);
  read_operators(*graphs->Get(0));
  drop_masks();
}

void Model::read_tensors(const oko::tflite::SubGraph& graph) {
  if (graph.tensors()->size() > kMostTensors) damaged("it has more than 65536 tensors");
  for (const oko::tflite::Tensor* raw : *graph.tensors()) {
    Tensor tensor;
    tensor.name = raw->name() != nullptr ? raw->name()->str() : "";
    tensor.type = raw->type();
    tensor.quantization = raw->quantization();
    const std::string place = "tensor " + std::to_string(tensors_.size());
    if (raw->shape() != nullptr) tensor.shape.assign(raw->shape()->begin(), raw->shape()->end());
    if (tensor.shape.size() > 8) damaged(place + " has more than 8 dimensions");
    if (raw->buffer() != 0) {
      if (raw_->buffers() == nullptr || raw->buffer() >= raw_->buffers()->size()) {
        damaged(place + " is in buffer " + std::to_string(raw->buffer()) +
                ", which does not exist");
      }
      tensor.data = data_of(*raw_->buffers()->Get(raw->buffer()));
    }
    if (raw->sparsity() != nullptr && !tensor.data.empty()) {
      expand(*raw->sparsity(), tensor, place);
    }
    tensors_.push_back(std::move(tensor));
  }
}

void Model::expand(const oko::tflite::Sparsity& sparsity, Tensor& tensor,
                   const std::string& place) {
  const bool bytes = tensor.type == TensorType::INT8 || tensor.type == TensorType::UINT8;
  const std::size_t size = bytes ? 1 : tensor.type == TensorType::FLOAT16 ? 2 : 4;
  const std::size_t most = 64 * bytes_.size() + (std::size_t{1} << 20);
  auto values = dense_values(sparsity, tensor.shape, size, tensor.data, most - expanded_bytes_);
  if (!values || tensor.type == TensorType::INT64) damaged(place + " has wrong sparse values");
  expanded_bytes_ += values->size();
  tensor.data = expanded_.emplace_back(std::move(*values));
}

std::span<const std::byte> Model::data_of(const oko::tflite::Buffer& buffer) const {
  if (buffer.offset() > 1) {
    const std::size_t size = bytes_.size();
    if (buffer.offset() > size || buffer.size() > size - buffer.offset()) {
      damaged("a buffer is at byte " + std::to_string(buffer.offset()) + ", outside the file");
    }
    return bytes_.span().subspan(buffer.offset(), buffer.size());
  }
  const auto* data = buffer.data();
  return data == nullptr ? std::span<const std::byte>()
                         : std::as_bytes(std::span(data->data(), data->size()));
}

std::vector<int> Model::indices(const flatbuffers::Vector<std::int32_t>* list, const char* what,
                                bool optional) const {
  std::vector<int> tensors;
  if (list == nullptr) return tensors;
  for (const int tensor : *list) {
    if (tensor < (optional ? -1 : 0) || tensor >= static_cast<int>(tensors_.size())) {
      damaged(std::string(what) + " is tensor " + std::to_string(tensor) +
              ", which does not exist");
    }
    tensors.push_back(tensor);
  }
  return tensors;
}

void Model::read_operators(const oko::tflite::SubGraph& graph) {
  if (graph.operators() == nullptr) damaged("it contains no operators");
  for (const oko::tflite::Operator* raw : *graph.operators()) {
    const auto* codes = raw_->operator_codes();
    if (codes == nullptr || raw->code_index() >= codes->size()) {
      damaged("operator " + std::to_string(operators_.size()) + " has no kind");
    }
    const oko::tflite::OperatorCode& code = *codes->Get(raw->code_index());
    Operator& op = operators_.emplace_back();
    op.code = code_of(code);
    op.kind = kind_of(code);
    op.raw = raw;
    op.inputs = indices(raw->inputs(), "an operator's input", true);
    op.outputs = indices(raw->outputs(), "an operator's output", false);
    if (op.inputs.empty() || op.outputs.empty() || op.inputs.front() < 0) {
      fail(op, "has no inputs or no outputs", "the file is damaged");
    }
  }
}

// With the operators that only it needs, some of which oko does not support.
void Model::drop_masks() {
  constexpr int kMaps = 32;
  if (outputs_.size() != 2) return;
  const auto maps = std::ranges::find_if(outputs_, [&](int tensor) {
    const std::vector<int>& shape = at(tensor).shape;
    return shape.size() == 4 && shape[0] == 1 && (shape[3] == kMaps || shape[1] == kMaps);
  });
  const auto is_rows = [&](int tensor) { return at(tensor).shape.size() == 3; };
  if (maps == outputs_.end() || std::ranges::none_of(outputs_, is_rows)) return;
  outputs_.erase(maps);
  had_masks_ = true;
  std::set<int> needed(outputs_.begin(), outputs_.end());
  std::vector<Operator> kept;
  for (auto op = operators_.rbegin(); op != operators_.rend(); ++op) {
    const auto is_needed = [&](int tensor) { return needed.contains(tensor); };
    if (std::ranges::none_of(op->outputs, is_needed)) continue;
    needed.insert(op->inputs.begin(), op->inputs.end());
    kept.push_back(std::move(*op));
  }
  operators_.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
}

Node Model::node(const Operator& op) const {
  return {op.outputs.empty() ? "" : name_of(op.outputs.front()), op.kind};
}

void Model::fail(const Operator& op, std::string message, std::string hint) const {
  const Node at = node(op);
  throw input_error(file_ + ": " + at.name + " (" + at.kind + ")", std::move(message),
                    std::move(hint));
}

std::string Model::metadata(std::string_view name) const {
  if (raw_->metadata() == nullptr || raw_->buffers() == nullptr) return {};
  for (const oko::tflite::Metadata* entry : *raw_->metadata()) {
    if (entry->name() == nullptr || entry->name()->string_view() != name) continue;
    if (entry->buffer() >= raw_->buffers()->size()) damaged("metadata refers to a missing buffer");
    const auto data = data_of(*raw_->buffers()->Get(entry->buffer()));
    return {reinterpret_cast<const char*>(data.data()), data.size()};
  }
  return {};
}

bool Model::is_map(int tensor) const {
  const auto& shape = at(tensor).shape;
  return (shape.size() == 4 || shape.size() == 2) && shape[0] == 1;
}

graph::Shape Model::map_shape(const Operator& op, int tensor) const {
  const auto& shape = at(tensor).shape;
  if (!is_map(tensor) || std::ranges::any_of(shape, [](int n) { return n < 1 || n > 1 << 20; })) {
    const std::vector<std::int64_t> sides(shape.begin(), shape.end());
    fail(op,
         "\"" + name_of(tensor) + "\" is " + graph::to_string(sides) +
             "; expected [1, rows, columns, channels]",
         "export the model for a single image of fixed size");
  }
  if (shape.size() == 2) return {shape[1], 1, 1};
  return {shape[3], shape[1], shape[2]};
}

bool Model::is_constant(int tensor) const { return tensor >= 0 && !at(tensor).data.empty(); }

std::span<const std::byte> Model::whole(const Operator& op, int tensor, std::size_t size) const {
  if (tensor < 0 || !is_constant(tensor)) fail(op, "reads a tensor where a constant is expected");
  std::size_t count = 1;
  for (const int side : at(tensor).shape) {
    if (side < 1 || count > bytes_.size() / static_cast<std::size_t>(side)) {
      fail(op, "\"" + name_of(tensor) + "\" is larger than the file", "the file is damaged");
    }
    count *= static_cast<std::size_t>(side);
  }
  if (at(tensor).data.size() != count * size) {
    fail(op,
         "\"" + name_of(tensor) + "\" should have " + std::to_string(count * size) +
             " bytes but has " + std::to_string(at(tensor).data.size()),
         "the file is damaged");
  }
  return at(tensor).data;
}

namespace {

template <typename T, typename ToFloat>
std::vector<float> converted(std::span<const std::byte> bytes, const ToFloat& to_number) {
  std::vector<float> values(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<float>(to_number(value));
  }
  return values;
}

}  // namespace

// The dimension with per-slice scales. Converters wrote the kernel's into biases as well, and
// TensorFlow Lite's own kernels ignore it: if it does not fit, the only dimension of matching size
// is used. Past the last dimension if there is none.
std::size_t Model::scaled_side(const Tensor& from, std::size_t scales) {
  const auto fits = [&](int side) { return std::cmp_equal(side, scales); };
  const auto told = static_cast<std::size_t>(std::max(0, from.quantization->quantized_dimension()));
  if (told < from.shape.size() && fits(from.shape[told])) return told;
  if (std::ranges::count_if(from.shape, fits) != 1) return from.shape.size();
  return static_cast<std::size_t>(std::ranges::find_if(from.shape, fits) - from.shape.begin());
}

// value = (byte − zero) · scale, with one scale or one per slice along a dimension.
std::vector<float> Model::dequantized(const Operator& op, const Tensor& from,
                                      std::vector<float> values) const {
  const auto* q = from.quantization;
  const std::size_t scales = q != nullptr && q->scale() != nullptr ? q->scale()->size() : 0;
  const std::size_t side = scales > 1 ? scaled_side(from, scales) : 0;
  const bool fits =
      scales == 1 || (side < from.shape.size() && std::cmp_equal(scales, from.shape[side]));
  const std::size_t zeros = scales > 0 && q->zero_point() != nullptr ? q->zero_point()->size() : 0;
  if (scales == 0 || !fits || (zeros > 1 && zeros != scales)) {
    fail(op,
         "\"" + from.name + "\" has " + std::to_string(scales) +
             " scales, which do not fit its shape",
         "the file is damaged");
  }
  std::size_t inner = 1;  // consecutive values that share a scale
  for (std::size_t i = side + 1; i < from.shape.size(); ++i) {
    inner *= static_cast<std::size_t>(from.shape[i]);
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto k = static_cast<unsigned>(scales == 1 ? 0 : i / inner % scales);
    const std::int64_t zero = zeros == 0 ? 0 : q->zero_point()->Get(zeros == 1 ? 0 : k);
    const float steps = values[i] - static_cast<float>(zero), scale = q->scale()->Get(k);
    if (steps != 0 && !(scale > 0)) {
      fail(op, "\"" + from.name + "\" has the scale " + std::to_string(scale),
           "the file is damaged");
    }
    values[i] = steps * scale;
  }
  return values;
}

bool Model::is_lowest_byte(int tensor) const {
  return at(tensor).type == TensorType::INT8 && at(tensor).data.size() == 1 &&
         at(tensor).data[0] == std::byte{0x80};
}

std::optional<std::pair<float, float>> Model::byte_range(int tensor) const {
  const auto* q = at(tensor).quantization;
  const bool bytes = at(tensor).type == TensorType::INT8 || at(tensor).type == TensorType::UINT8;
  if (!bytes || q == nullptr || q->scale() == nullptr || q->scale()->size() != 1) {
    return std::nullopt;
  }
  const bool some = q->zero_point() != nullptr && q->zero_point()->size() == 1;
  const float zero = some ? static_cast<float>(q->zero_point()->Get(0)) : 0;
  const float low = at(tensor).type == TensorType::INT8 ? -128.F : 0.F;
  return std::pair((low - zero) * q->scale()->Get(0), (low + 255 - zero) * q->scale()->Get(0));
}

graph::Tensor Model::floats(const Operator& op, int tensor) const {
  if (tensor < 0) fail(op, "lacks a constant");
  const Tensor& from = at(tensor);
  made_ += from.data.size() * sizeof(float);
  if (made_ > 16 * bytes_.size() + (std::size_t{1} << 24)) {
    fail(op, "reads weights that too many others also read", "the file is damaged");
  }
  std::vector<std::int64_t> shape(from.shape.begin(), from.shape.end());
  const auto same = [](auto value) { return value; };
  std::vector<float> values;
  switch (from.type) {
    case TensorType::FLOAT32:
      values = converted<float>(whole(op, tensor, 4), same);
      break;
    case TensorType::FLOAT16:
      values = converted<Half>(whole(op, tensor, 2), [](Half half) { return to_float(half); });
      break;
    case TensorType::INT8:
      values = converted<std::int8_t>(whole(op, tensor, 1), same);
      break;
    case TensorType::UINT8:
      values = converted<std::uint8_t>(whole(op, tensor, 1), same);
      break;
    case TensorType::INT32:
      values = converted<std::int32_t>(whole(op, tensor, 4), same);
      break;
    default:
      fail(op, "\"" + name_of(tensor) + "\" has a type that weights cannot have");
  }
  if (from.type != TensorType::FLOAT32 && from.type != TensorType::FLOAT16) {
    values = dequantized(op, from, std::move(values));
  }
  if (!std::ranges::all_of(values, [](float v) { return std::isfinite(v); })) {
    fail(op, "\"" + name_of(tensor) + "\" contains values that are not finite",
         "the file is damaged");
  }
  return graph::Tensor::of(std::move(values), std::move(shape));
}

graph::Tensor Model::constant(const Operator& op, int tensor) const {
  const Tensor& from = at(tensor);
  const bool whole_numbers = from.type == TensorType::INT32 || from.type == TensorType::INT64;
  const bool scaled = from.quantization != nullptr && from.quantization->scale() != nullptr &&
                      from.quantization->scale()->size() > 0;
  if (!whole_numbers || scaled) return floats(op, tensor);
  std::vector<std::int64_t> values;
  if (from.type == TensorType::INT64) {
    const auto data = whole(op, tensor, 8);
    values.resize(data.size() / 8);
    std::memcpy(values.data(), data.data(), values.size() * 8);
  } else {
    const std::vector<int> small = integers(op, tensor);
    values.assign(small.begin(), small.end());
  }
  graph::Tensor result{
      graph::DType::kI64, {from.shape.begin(), from.shape.end()}, Bytes::own(std::move(values))};
  return result;
}

std::vector<int> Model::integers(const Operator& op, int tensor) const {
  if (tensor < 0 || at(tensor).type != TensorType::INT32) fail(op, "lacks its integers");
  const auto data = whole(op, tensor, 4);
  std::vector<int> values(data.size() / 4);
  std::memcpy(values.data(), data.data(), values.size() * 4);
  return values;
}

}  // namespace oko::formats::tflite

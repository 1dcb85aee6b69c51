#include "oko/formats/onnx/constants.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/formats/onnx/fold_constants.h"
#include "oko/formats/onnx/parse.h"

namespace oko::formats {

using graph::DType;
using graph::Tensor;

namespace {

std::size_t size_of_type(int type) {
  switch (type) {
    case kOnnxFloat:
    case kOnnxInt32:
      return 4;
    case kOnnxInt64:
    case kOnnxDouble:
      return 8;
    case kOnnxFloat16:
      return 2;
    default:
      return 0;
  }
}

template <typename From, typename To, typename Convert>
std::vector<To> converted(std::span<const std::byte> bytes, Convert convert) {
  std::vector<To> values(bytes.size() / sizeof(From));
  for (std::size_t i = 0; i < values.size(); ++i) {
    From value;
    std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof(From));
    values[i] = convert(value);
  }
  return values;
}

// Raw little-endian values of an ONNX type as float32 or int64.
Tensor of_raw(int type, std::vector<std::int64_t> shape, std::string raw) {
  const auto owner = std::make_shared<const std::string>(std::move(raw));
  const auto bytes = std::as_bytes(std::span(owner->data(), owner->size()));
  const auto same = [](auto value) { return value; };
  switch (type) {
    case kOnnxFloat16:
      return {DType::kF32, shape, Bytes::own(converted<Half, float>(bytes, to_float))};
    case kOnnxDouble:
      return {DType::kF32, shape, Bytes::own(converted<double, float>(bytes, [](double v) {
                return static_cast<float>(v);
              }))};
    case kOnnxInt32:
      return {DType::kI64, shape, Bytes::own(converted<std::int32_t, std::int64_t>(bytes, same))};
    default:
      return {type == kOnnxInt64 ? DType::kI64 : DType::kF32, shape, Bytes(owner, bytes)};
  }
}

// The values of a tensor that stores them in a typed field, as raw bytes.
std::string raw_of(const onnx::Tensor& tensor) {
  const auto bytes = [](const auto& field) {
    return std::string(reinterpret_cast<const char*>(field.data()),
                       static_cast<std::size_t>(field.size()) * sizeof(*field.data()));
  };
  switch (tensor.data_type()) {
    case kOnnxFloat:
      return bytes(tensor.float_data());
    case kOnnxInt64:
      return bytes(tensor.int64_data());
    case kOnnxDouble:
      return bytes(tensor.double_data());
    case kOnnxInt32:
      return bytes(tensor.int32_data());
    default: {  // float16 is in the lower halves of 32-bit integers
      std::string raw;
      for (const std::int32_t value : tensor.int32_data()) {
        raw += static_cast<char>(value & 0xff);
        raw += static_cast<char>((value >> 8) & 0xff);
      }
      return raw;
    }
  }
}

// The number of elements by the dimensions, or -1.
std::int64_t count_of(const onnx::Tensor& tensor) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  std::int64_t count = 1;
  for (const std::int64_t side : tensor.dims()) {
    if (side < 0 || side > kMost) return -1;
    count *= side;
    if (count > kMost) return -1;
  }
  return count;
}

}  // namespace

Constants::Constants(onnx::Graph& graph, std::string file, std::size_t budget)
    : file_(std::move(file)), budget_(budget) {
  for (onnx::Tensor& tensor : *graph.mutable_initializer()) initializers_[tensor.name()] = &tensor;
}

void Constants::fail(const std::string& name, std::string message, std::string hint) const {
  throw input_error(file_ + ": " + name + " (initializer)", std::move(message), std::move(hint));
}

Tensor Constants::load(onnx::Tensor& tensor) const {
  const std::string& name = tensor.name();
  if (tensor.data_location() == 1) {
    fail(name, "its data is in another file",
         "save the model in one file: onnx.save_model(model, path, save_as_external_data=False)");
  }
  const int type = tensor.data_type();
  const std::size_t size = size_of_type(type);
  if (size == 0) {
    fail(name, "its data is of ONNX type " + std::to_string(type) + ", which is not supported",
         "export the model with float32 or float16 weights");
  }
  const std::vector<std::int64_t> shape(tensor.dims().begin(), tensor.dims().end());
  const std::int64_t count = count_of(tensor);
  std::string raw = tensor.has_raw_data() ? std::move(*tensor.mutable_raw_data()) : raw_of(tensor);
  if (count < 0 || raw.size() != static_cast<std::size_t>(count) * size) {
    fail(name,
         "has " + std::to_string(raw.size()) + " bytes of data, but the shape " +
             graph::to_string(shape) + " needs another number",
         "the file is damaged: export it again");
  }
  return of_raw(type, shape, std::move(raw));
}

bool Constants::has(const std::string& name) const {
  return loaded_.contains(name) || initializers_.contains(name);
}

const Tensor& Constants::get(const std::string& name) {
  const auto found = loaded_.find(name);
  if (found != loaded_.end()) return found->second;
  return loaded_[name] = load(*initializers_.find(name)->second);
}

std::vector<std::int64_t> Constants::integers(const OnnxNode& node, std::size_t input) {
  const Tensor& tensor = get(node.inputs[input]);
  if (tensor.dtype != DType::kI64) fail(node.inputs[input], "should contain integers");
  return integers_of(tensor);
}

std::vector<float> Constants::numbers(const OnnxNode& node, std::size_t input) {
  const Tensor& tensor = get(node.inputs[input]);
  if (tensor.dtype != DType::kF32) fail(node.inputs[input], "should contain floats");
  return {tensor.floats().begin(), tensor.floats().end()};
}

void Constants::set_shape(const std::string& name, std::vector<std::int64_t> shape) {
  loaded_[name] = tensor_of(std::move(shape));
}

bool Constants::fold(const OnnxNode& node) {
  if (node.outputs.size() != 1) return false;
  if (node.id.kind == "Constant") {
    const onnx::Attribute* value = node.attribute("value");
    if (value == nullptr || !value->has_t()) return fold_constant_attributes(node, loaded_);
    onnx::Tensor tensor = value->t();
    tensor.set_name(node.id.name);
    loaded_[node.outputs[0]] = load(tensor);
    return true;
  }
  std::vector<Tensor> inputs;
  for (const std::string& name : node.inputs) {
    inputs.push_back(name.empty() ? Tensor{} : get(name));
  }
  std::optional<Tensor> result = fold_node(node, inputs, budget_);
  if (!result) return false;
  const std::size_t bytes = result->data.size();
  budget_ -= std::min(budget_, bytes);
  loaded_[node.outputs[0]] = std::move(*result);
  return true;
}

}  // namespace oko::formats

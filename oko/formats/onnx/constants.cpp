#include "oko/formats/onnx/constants.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/formats/evaluate.h"
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
    case kOnnxInt8:
    case kOnnxUint8:
    case kOnnxBool:
      return 1;
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
    case kOnnxInt8:
      return {DType::kI64, shape, Bytes::own(converted<std::int8_t, std::int64_t>(bytes, same))};
    case kOnnxUint8:
    case kOnnxBool:
      return {DType::kI64, shape, Bytes::own(converted<std::uint8_t, std::int64_t>(bytes, same))};
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
    default: {  // smaller types are in the lower parts of 32-bit integers
      std::string raw;
      for (const std::int32_t value : tensor.int32_data()) {
        raw += static_cast<char>(value & 0xff);
        if (tensor.data_type() == kOnnxFloat16) raw += static_cast<char>((value >> 8) & 0xff);
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

Constants::Constants(onnx::Graph& graph, std::string file, int opset, std::size_t budget)
    : file_(std::move(file)), opset_(opset), budget_(budget) {
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
  std::string typed = tensor.has_raw_data() ? std::string() : raw_of(tensor);
  std::string& raw = tensor.has_raw_data() ? *tensor.mutable_raw_data() : typed;
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

void Constants::set(const std::string& name, Tensor value) { loaded_[name] = std::move(value); }

namespace {

// A Constant node whose value is a plain attribute.
std::optional<Tensor> plain_constant(const OnnxNode& node) {
  if (const onnx::Attribute* a = node.attribute("value_int")) {
    Tensor result = tensor_of({a->i()});
    result.shape = {};
    return result;
  }
  if (const onnx::Attribute* a = node.attribute("value_ints")) {
    return tensor_of({a->ints().begin(), a->ints().end()});
  }
  if (const onnx::Attribute* a = node.attribute("value_float")) return Tensor::of({a->f()}, {});
  if (const onnx::Attribute* a = node.attribute("value_floats")) {
    return Tensor::of({a->floats().begin(), a->floats().end()}, {a->floats_size()});
  }
  return {};
}

// Settings under the names of newer models, and those that only the inputs' number gives.
void add_settings(const OnnxNode& node, int opset, Operation& operation) {
  constexpr int kIntegers = 7, kInteger = 2, kNumber = 1;  // AttributeProto's types
  for (const onnx::Attribute& attribute : node.proto->attribute()) {
    const std::string& name = attribute.name();
    if (attribute.type() == kIntegers || attribute.ints_size() > 0) {
      operation.integers[name] = {attribute.ints().begin(), attribute.ints().end()};
    } else if (attribute.type() == kInteger || attribute.i() != 0) {
      operation.integers[name] = {attribute.i()};
    } else if (attribute.type() == kNumber) {
      operation.numbers[name] = attribute.f();
    }
  }
  if (operation.kind == "Split" && !operation.integers.contains("split")) {
    operation.integers["num_outputs"] = {std::ssize(node.outputs)};
  }
  constexpr int kAnyAxis = 13;  // before, softmax was over all dimensions from its axis on
  if (operation.kind == "Softmax" && opset < kAnyAxis) {
    const auto rank = static_cast<std::int64_t>(operation.inputs[0]->shape.size());
    const std::int64_t axis = node.integer("axis", 1);
    if (axis != -1 && axis != rank - 1) operation.kind = "Softmax of several dimensions";
    operation.integers["axis"] = {-1};
  }
}

}  // namespace

// False if the value is not one number, which is all that exporters write there.
bool Constants::add_filling(const OnnxNode& node, Operation& operation) const {
  const onnx::Attribute* value = node.attribute("value");
  if (value == nullptr || !value->has_t()) return true;
  onnx::Tensor copy = value->t();
  copy.set_name(node.id.name);
  const Tensor filling = load(copy);
  if (filling.count() != 1) return false;
  if (filling.dtype == DType::kI64) {
    operation.integers["value"] = integers_of(filling);
  } else {
    operation.numbers["value"] = filling.floats()[0];
  }
  return true;
}

bool Constants::fold(const OnnxNode& node) {
  if (node.outputs.empty()) return false;
  if (node.id.kind == "Constant") {
    const onnx::Attribute* value = node.attribute("value");
    if (value == nullptr || !value->has_t()) {
      std::optional<Tensor> plain = plain_constant(node);
      if (plain) loaded_[node.outputs[0]] = *std::move(plain);
      return plain.has_value();
    }
    onnx::Tensor tensor = value->t();
    tensor.set_name(node.id.name);
    loaded_[node.outputs[0]] = load(tensor);
    return true;
  }
  Operation operation{node.id.kind};
  for (const std::string& name : node.inputs) {
    if (!name.empty() && !has(name)) return false;
    operation.inputs.push_back(name.empty() ? nullptr : &get(name));
  }
  if (operation.inputs.empty() || operation.inputs.front() == nullptr) return false;
  add_settings(node, opset_, operation);
  if (node.id.kind == "ConstantOfShape" && !add_filling(node, operation)) return false;
  std::optional<std::vector<Tensor>> results = evaluate(operation, budget_);
  if (!results || results->size() < node.outputs.size()) return false;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    budget_ -= std::min(budget_, (*results)[i].data.size());
    loaded_[node.outputs[i]] = std::move((*results)[i]);
  }
  return true;
}

}  // namespace oko::formats

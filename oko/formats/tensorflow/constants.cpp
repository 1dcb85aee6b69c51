#include "oko/formats/tensorflow/constants.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <set>

#include "oko/base/error.h"
#include "oko/base/half.h"

namespace oko::formats {

using graph::DType;
using graph::Tensor;

namespace {

constexpr int kMaxDepth = 64;
constexpr std::int64_t kMaxFilled = std::int64_t{1} << 22;
// Arithmetic is for batch norm parameters and tensor sizes, never for kernels.
constexpr std::int64_t kMaxComputed = 1 << 14;
constexpr const char* kDamaged = "the file is damaged: export the graph again";

enum Type { kFloat = 1, kDouble = 2, kInt32 = 3, kInt64 = 9, kBFloat16 = 14, kHalf = 19 };

std::size_t size_of_type(int type) {
  switch (type) {
    case kFloat:
    case kInt32:
      return 4;
    case kDouble:
    case kInt64:
      return 8;
    case kHalf:
    case kBFloat16:
      return 2;
    default:
      return 0;
  }
}

bool is_whole(int type) { return type == kInt32 || type == kInt64; }

Tensor integers_of(std::vector<std::int64_t> values, std::vector<std::int64_t> shape) {
  return {DType::kI64, std::move(shape), Bytes::own(std::move(values))};
}

double number_at(const Tensor& tensor, std::int64_t i) {
  if (tensor.dtype == DType::kF32) return tensor.floats()[i];
  std::int64_t value;
  std::memcpy(&value, tensor.data.data() + i * 8, 8);
  return static_cast<double>(value);
}

// Tensor sizes; anything larger is not a size and must not overflow.
std::int64_t to_whole(double value) {
  return static_cast<std::int64_t>(std::clamp(value, -1e15, 1e15));
}

Tensor made(DType type, const std::vector<double>& values, std::vector<std::int64_t> shape) {
  if (type == DType::kF32) {
    return Tensor::of(std::vector<float>(values.begin(), values.end()), std::move(shape));
  }
  std::vector<std::int64_t> whole(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    whole[i] = to_whole(values[i]);
  }
  return integers_of(std::move(whole), std::move(shape));
}

std::optional<Tensor> elementwise(const std::string& op, const Tensor& a, const Tensor& b) {
  const std::int64_t count = std::max(a.count(), b.count());
  const bool fits =
      (a.count() == count || a.count() == 1) && (b.count() == count || b.count() == 1);
  if (!fits || count > kMaxComputed || a.dtype != b.dtype) return std::nullopt;
  std::vector<double> values(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const double x = number_at(a, a.count() == 1 ? 0 : i), y = number_at(b, b.count() == 1 ? 0 : i);
    double& value = values[i];
    if (op == "Mul") value = x * y;
    if (op == "Add" || op == "AddV2") value = x + y;
    if (op == "Sub") value = x - y;
    if (op == "RealDiv") value = x / y;
    if (std::isnan(value)) return std::nullopt;
  }
  return made(a.dtype, values, a.count() == count ? a.shape : b.shape);
}

std::optional<Tensor> unary(const std::string& op, const Tensor& a) {
  if (a.count() > kMaxComputed) return std::nullopt;
  std::vector<double> values(static_cast<std::size_t>(a.count()));
  for (std::int64_t i = 0; i < a.count(); ++i) {
    const double x = number_at(a, i);
    values[i] = op == "Neg"     ? -x
                : op == "Sqrt"  ? std::sqrt(x)
                : op == "Rsqrt" ? 1 / std::sqrt(x)
                                : x;
    if (std::isnan(values[i])) return std::nullopt;
  }
  return made(a.dtype, values, a.shape);
}

// Constants concatenated and flattened.
std::optional<Tensor> joined(const std::vector<const Tensor*>& parts) {
  std::vector<double> values;
  for (const Tensor* part : parts) {
    if (part->shape.size() > 1 || part->dtype != parts[0]->dtype ||
        static_cast<std::int64_t>(values.size()) + part->count() > kMaxComputed) {
      return std::nullopt;
    }
    for (std::int64_t i = 0; i < part->count(); ++i) values.push_back(number_at(*part, i));
  }
  const auto count = static_cast<std::int64_t>(values.size());
  return parts.empty() ? std::nullopt : std::optional(made(parts[0]->dtype, values, {count}));
}

}  // namespace

Tensor TfConstants::decode(const TfNode& node) {
  const auto* value = attribute(node, "value");
  const tensorflow::Tensor empty;
  const tensorflow::Tensor& tensor = value != nullptr ? value->tensor() : empty;
  std::vector<std::int64_t> shape;
  std::int64_t count = 1;
  for (const auto& dim : tensor.tensor_shape().dim()) {
    constexpr std::int64_t kMost = std::int64_t{1} << 31;
    if (dim.size() < 0 || dim.size() > kMost || (count > 0 && dim.size() > kMost / count)) {
      throw input_error(graph_.place(node), "the constant's shape is invalid", kDamaged);
    }
    shape.push_back(dim.size());
    count *= dim.size();
  }
  const int type = tensor.dtype();
  const std::size_t size = size_of_type(type), all = static_cast<std::size_t>(count);
  const std::string& content = tensor.tensor_content();
  const std::size_t listed = static_cast<std::size_t>(type == kFloat    ? tensor.float_val_size()
                                                      : type == kDouble ? tensor.double_val_size()
                                                      : type == kInt32  ? tensor.int_val_size()
                                                      : type == kInt64  ? tensor.int64_val_size()
                                                                        : tensor.half_val_size());
  const bool whole = !content.empty() ? content.size() == all * size : listed <= all;
  if (!whole || (content.empty() && listed == 0 && all > 0)) {
    throw input_error(graph_.place(node),
                      "the constant " + graph::to_string(shape) + " has " +
                          (content.empty() ? std::to_string(listed) + " values"
                                           : std::to_string(content.size()) + " bytes"),
                      kDamaged);
  }
  // TensorFlow repeats the last value for all that follow.
  if (content.empty()) filled_ += count - static_cast<std::int64_t>(listed);
  if (filled_ > kMaxFilled) {
    throw input_error(graph_.place(node), "the constants repeat one value too often", kDamaged);
  }
  const auto at = [&](std::size_t i) -> double {
    const int k = static_cast<int>(std::min(i, listed == 0 ? 0 : listed - 1));
    const char* from = content.data() + i * size;
    const auto load = [&](auto number) {
      std::memcpy(&number, from, sizeof number);
      return number;
    };
    const bool packed = !content.empty();
    switch (type) {
      case kFloat:
        return packed ? load(float{}) : tensor.float_val(k);
      case kDouble:
        return packed ? load(double{}) : tensor.double_val(k);
      case kInt32:
        return packed ? load(std::int32_t{}) : tensor.int_val(k);
      case kInt64:
        return static_cast<double>(packed ? load(std::int64_t{}) : tensor.int64_val(k));
      default: {
        const auto bits =
            packed ? load(std::uint16_t{}) : static_cast<std::uint16_t>(tensor.half_val(k));
        return type == kHalf ? to_float(Half{bits})
                             : std::bit_cast<float>(std::uint32_t{bits} << 16);
      }
    }
  };
  if (is_whole(type)) {
    std::vector<std::int64_t> values(all);
    for (std::size_t i = 0; i < all; ++i) values[i] = to_whole(at(i));
    return integers_of(std::move(values), std::move(shape));
  }
  std::vector<float> values(all);
  if (type == kFloat && !content.empty()) {
    std::memcpy(values.data(), content.data(), content.size());
  } else {
    for (std::size_t i = 0; i < all; ++i) values[i] = static_cast<float>(at(i));
  }
  return Tensor::of(std::move(values), std::move(shape));
}

std::optional<Tensor> TfConstants::slice(const TfNode& node,
                                         const std::vector<const Tensor*>& inputs) const {
  for (std::size_t i = 1; i < 4; ++i) {
    if (inputs[i]->count() != 1 || inputs[i]->dtype != DType::kI64) return std::nullopt;
  }
  const Tensor& from = *inputs[0];
  const auto mask = [&](const char* name) {
    const auto* value = attribute(node, name);
    return value != nullptr && value->i() != 0;
  };
  if (from.shape.size() != 1 || number_at(*inputs[3], 0) != 1) return std::nullopt;
  const std::int64_t count = from.count();
  const auto side = [&](const Tensor& tensor) {
    const auto n = static_cast<std::int64_t>(number_at(tensor, 0));
    return std::clamp<std::int64_t>(n < 0 ? n + count : n, 0, count);
  };
  const std::int64_t begin = mask("begin_mask") ? 0 : side(*inputs[1]);
  std::int64_t end = mask("end_mask") ? count : side(*inputs[2]);
  const bool one = mask("shrink_axis_mask");
  if (one) end = begin + 1;
  if (begin >= end || end > count || end - begin > kMaxComputed) return std::nullopt;
  std::vector<double> values;
  for (std::int64_t i = begin; i < end; ++i) values.push_back(number_at(from, i));
  std::vector<std::int64_t> shape;
  if (!one) shape.push_back(end - begin);
  return made(from.dtype, values, std::move(shape));
}

std::optional<Tensor> TfConstants::compute(const TfNode& node, int depth) {
  const std::string& op = node.op();
  if (op == "Const") {
    const auto* value = attribute(node, "value");
    const int type = value != nullptr ? value->tensor().dtype() : 0;
    return size_of_type(type) == 0 ? std::nullopt : std::optional(decode(node));
  }
  const std::vector<std::string> maps = TfGraph::inputs(node);
  if (op == "Shape" && maps.size() == 1) {
    auto shape = shape_of_(maps[0]);
    if (!shape) return std::nullopt;
    const auto rank = static_cast<std::int64_t>(shape->size());
    return integers_of(std::move(*shape), {rank});
  }
  std::vector<const Tensor*> inputs;
  for (const std::string& map : maps) {
    inputs.push_back(find(map, depth + 1));
    if (inputs.back() == nullptr) return std::nullopt;
  }
  const std::size_t n = inputs.size();
  if (op == "Identity" && n == 1) return *inputs[0];
  if (op == "Cast" && n == 1) {  // between float types, which are all float32 here
    const auto* to = attribute(node, "DstT");
    const bool floats = to != nullptr && size_of_type(to->type()) > 0 && !is_whole(to->type());
    return floats && inputs[0]->dtype == DType::kF32 ? std::optional(*inputs[0]) : std::nullopt;
  }
  if ((op == "Neg" || op == "Sqrt" || op == "Rsqrt") && n == 1) return unary(op, *inputs[0]);
  if (op == "Mul" || op == "Add" || op == "AddV2" || op == "Sub" || op == "RealDiv") {
    return n == 2 ? elementwise(op, *inputs[0], *inputs[1]) : std::nullopt;
  }
  // Only the order of the values matters here, so a constant of any rank is a list.
  if ((op == "Reshape" || op == "ExpandDims") && n == 2) {
    return Tensor{inputs[0]->dtype, {inputs[0]->count()}, inputs[0]->data};
  }
  if (op == "Pack") return joined(inputs);
  if (op == "ConcatV2" && n > 1) {
    inputs.pop_back();
    return joined(inputs);
  }
  if (op == "StridedSlice" && n == 4) return slice(node, inputs);
  return std::nullopt;
}

const Tensor* TfConstants::find(const std::string& map, int depth) {
  const auto known = known_.find(map);
  if (known != known_.end()) return &known->second;
  const TfNode* node = graph_.maker(map);
  if (node == nullptr || node->name() != map || depth > kMaxDepth) return nullptr;
  auto value = compute(*node, depth);
  if (!value) return nullptr;
  static const std::set<std::string_view> kShared{"Const", "Identity", "Cast", "Reshape",
                                                  "ExpandDims"};
  if (!kShared.contains(node->op())) filled_ += value->count();
  return &known_.emplace(map, std::move(*value)).first->second;
}

std::optional<std::vector<std::int64_t>> TfConstants::integers(const std::string& map) {
  const Tensor* tensor = find(map);
  if (tensor == nullptr || tensor->dtype != DType::kI64) return std::nullopt;
  std::vector<std::int64_t> values(static_cast<std::size_t>(tensor->count()));
  if (!values.empty()) std::memcpy(values.data(), tensor->data.data(), tensor->data.size());
  return values;
}

std::optional<double> TfConstants::scalar(const std::string& map) {
  const Tensor* tensor = find(map);
  if (tensor == nullptr || tensor->count() != 1) return std::nullopt;
  return number_at(*tensor, 0);
}

}  // namespace oko::formats

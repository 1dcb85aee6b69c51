#include "oko/formats/coreml/program_constants.h"

#include <bit>
#include <cstring>
#include <numeric>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/formats/coreml/fields.h"
#include "oko/formats/coreml/weights.h"

namespace oko::formats::coreml {
namespace {

constexpr std::size_t kMaxImmediate = 1 << 20;
constexpr std::int64_t kMaxSide = 1 << 24, kMaxCount = std::int64_t{1} << 31;

[[noreturn]] void fail(const std::string& place, const std::string& message) {
  throw input_error(place, message, "the file is damaged or of an unsupported kind");
}

std::int64_t product(const std::vector<std::int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

Message type_of(const Message& value) {
  return value.message(Value::kType).message(ValueType::kTensorType);
}
std::uint64_t data_type(const Message& value) {
  return type_of(value).integer(TensorType::kDataType);
}

// The values in a constant's own message, of one kind: an empty message for another kind.
Message immediate(const Message& value, TensorValue kind) {
  return value.message(Value::kImmediateValue).message(ImmediateValue::kTensor).message(kind);
}

// Values of types that are stored as bytes.
std::vector<float> of_bytes(std::span<const std::byte> bytes, std::uint64_t type) {
  std::vector<float> values;
  if (type == kFloat16) {
    for (std::size_t at = 0; at + 2 <= bytes.size(); at += 2) {
      Half half;
      std::memcpy(&half.bits, bytes.data() + at, sizeof half.bits);
      values.push_back(to_float(half));
    }
    return values;
  }
  for (const std::byte b : bytes) {
    const auto value = std::to_integer<std::uint8_t>(b);
    values.push_back(type == kInt8 ? static_cast<float>(static_cast<std::int8_t>(value))
                                   : static_cast<float>(value));
  }
  return values;
}

const Message& part(const ProgramConstants::Compressed& value, std::string_view name,
                    const std::string& place) {
  const auto found = value.parts.find(name);
  if (found == value.parts.end())
    fail(place, "is compressed without \"" + std::string(name) + "\"");
  return found->second;
}

}  // namespace

std::vector<std::int64_t> sides_of_type(const Message& type, bool may_be_open) {
  constexpr std::size_t kMostSides = 8;
  std::vector<std::int64_t> shape;
  std::int64_t count = 1;
  for (const Message& dimension : type.messages(TensorType::kDimensions, kMostSides)) {
    const std::uint64_t side =
        dimension.message(Dimension::kConstant).integer(ConstantDimension::kSize);
    if (side == 0 && may_be_open) {
      shape.push_back(0);
      continue;
    }
    if (side < 1 || side > kMaxSide || (count *= static_cast<std::int64_t>(side)) > kMaxCount) {
      throw input_error(type.place(), "a tensor is empty, too large or of unknown shape");
    }
    shape.push_back(static_cast<std::int64_t>(side));
  }
  return shape;
}

std::string ProgramConstants::add_unnamed(const Message& value) {
  std::string name = "\n" + std::to_string(values_.size());
  values_[name] = value;
  return name;
}

const Message& ProgramConstants::plain(const std::string& name) const {
  static const Message kNone;
  const auto found = values_.find(name);
  return found == values_.end() ? kNone : found->second;
}

std::vector<std::int64_t> ProgramConstants::shape(const std::string& name) const {
  const auto compressed = compressed_.find(name);
  return compressed != compressed_.end() ? compressed->second.shape
                                         : sides_of_type(type_of(plain(name)));
}

bool ProgramConstants::is_whole(const std::string& name) const {
  const std::uint64_t type = data_type(plain(name));
  return !compressed_.contains(name) && type != kFloat16 && type != kFloat32;
}

std::vector<float> ProgramConstants::numbers(const std::string& name,
                                             const std::string& place) const {
  const auto compressed = compressed_.find(name);
  return compressed != compressed_.end() ? expanded(compressed->second, place)
                                         : numbers(plain(name), place);
}

std::vector<float> ProgramConstants::numbers(const Message& value, const std::string& place) const {
  const std::int64_t count = product(sides_of_type(type_of(value)));
  if (value.has(Value::kBlobFileValue)) {
    const Message blob = value.message(Value::kBlobFileValue);
    return read_blob(weights_, blob.integer(BlobFileValue::kOffset), count, place);
  }
  constexpr auto kValues = RepeatedValues::kValues;
  const Message tensor = value.message(Value::kImmediateValue).message(ImmediateValue::kTensor);
  std::vector<float> values;
  if (tensor.has(TensorValue::kBytes)) {
    values = of_bytes(tensor.message(TensorValue::kBytes).content(kValues), data_type(value));
  } else if (tensor.has(TensorValue::kInts)) {
    for (const std::int64_t n :
         tensor.message(TensorValue::kInts).integers(kValues, kMaxImmediate)) {
      values.push_back(static_cast<float>(n));
    }
  } else {
    values = tensor.message(TensorValue::kFloats).reals(kValues, kMaxImmediate);
  }
  if (values.size() != static_cast<std::size_t>(count)) {
    fail(place,
         "has " + std::to_string(values.size()) + " values instead of " + std::to_string(count));
  }
  return values;
}

std::vector<std::int64_t> ProgramConstants::integers(const std::string& name) const {
  const Message& value = plain(name);
  const bool bools = data_type(value) == kBool;
  return immediate(value, bools ? TensorValue::kBools : TensorValue::kInts)
      .integers(RepeatedValues::kValues);
}

std::string ProgramConstants::text(const std::string& name) const {
  return immediate(plain(name), TensorValue::kStrings).text(RepeatedValues::kValues);
}

bool ProgramConstants::flag(const std::string& name) const {
  const Message bools = immediate(plain(name), TensorValue::kBools);
  for (const std::int64_t value : bools.integers(RepeatedValues::kValues)) {
    if (value != 0) return true;
  }
  return false;
}

std::vector<float> ProgramConstants::expanded(const Compressed& value,
                                              const std::string& place) const {
  if (value.kind == "constexpr_affine_dequantize") return dequantized(value, place);
  if (value.kind == "constexpr_lut_to_dense") return looked_up(value, place);
  fail(place, "is compressed by " + value.kind + ", which oko does not support");
}

// (number − zero point) · scale, both for all or for each index along one axis.
std::vector<float> ProgramConstants::dequantized(const Compressed& value,
                                                 const std::string& place) const {
  std::vector<float> values = numbers(part(value, "quantized_data", place), place);
  const std::vector<float> scale = numbers(part(value, "scale", place), place);
  const bool shifted = value.parts.contains("zero_point");
  const std::vector<float> zero =
      shifted ? numbers(part(value, "zero_point", place), place) : std::vector<float>{0};
  const auto rank = static_cast<std::int64_t>(value.shape.size());
  std::int64_t axis = 0;
  if (value.parts.contains("axis")) {
    const auto axes = numbers(part(value, "axis", place), place);
    axis = axes.empty() ? 0 : static_cast<std::int64_t>(axes.front());
  }
  axis += axis < 0 ? rank : 0;
  if (axis < 0 || axis >= rank || std::ssize(values) != product(value.shape)) {
    fail(place, "is quantized along an axis that it does not have, or has other dimensions");
  }
  const auto side = static_cast<std::size_t>(value.shape[static_cast<std::size_t>(axis)]);
  for (const auto* list : {&scale, &zero}) {
    if (list->size() != 1 && list->size() != side) {
      fail(place, "has " + std::to_string(list->size()) + " scales or zero points instead of " +
                      std::to_string(side));
    }
  }
  const auto inner =
      static_cast<std::size_t>(product({value.shape.begin() + axis + 1, value.shape.end()}));
  const auto at = [](const std::vector<float>& list, std::size_t i) {
    return list.size() == 1 ? list.front() : list[i];
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t index = i / inner % side;
    values[i] = (values[i] - at(zero, index)) * at(scale, index);
  }
  return values;
}

// Numbers of a table's entries, packed from the lowest bit of each byte on.
std::vector<float> ProgramConstants::looked_up(const Compressed& value,
                                               const std::string& place) const {
  const std::vector<float> table = numbers(part(value, "lut", place), place);
  const std::vector<float> bytes = numbers(part(value, "indices", place), place);
  const auto count = static_cast<std::size_t>(product(value.shape));
  constexpr std::size_t kMostEntries = 256;
  if (table.size() < 2 || table.size() > kMostEntries || !std::has_single_bit(table.size())) {
    fail(place, "has a table of " + std::to_string(table.size()) + " entries");
  }
  const auto bits = static_cast<std::size_t>(std::countr_zero(table.size()));
  if (bytes.size() != (count * bits + 7) / 8) {
    fail(place, "has " + std::to_string(bytes.size()) + " bytes of indices for " +
                    std::to_string(count) + " values of " + std::to_string(bits) + " bits");
  }
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t index = 0;
    for (std::size_t bit = 0; bit < bits; ++bit) {
      const std::size_t at = i * bits + bit;
      index |= (static_cast<std::size_t>(bytes[at / 8]) >> at % 8 & 1U) << bit;
    }
    values[i] = table[index];
  }
  return values;
}

}  // namespace oko::formats::coreml

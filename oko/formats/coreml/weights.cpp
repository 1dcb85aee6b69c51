#include "oko/formats/coreml/weights.h"

#include <cstring>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/formats/coreml/fields.h"

namespace oko::formats::coreml {
namespace {

constexpr std::uint32_t kSentinel = 0xDEADBEEF;
constexpr std::uint32_t kHalfBlob = 1, kFloatBlob = 2, kSignedBlob = 4;  // 3: without sign
constexpr std::size_t kHeaderBytes = 64, kMetadataBytes = 64;

[[noreturn]] void fail(const std::string& place, const std::string& message) {
  throw input_error(place, message, "the file is damaged or of an unsupported kind");
}

void check_count(const Message& at, const std::string& what, std::uint64_t found,
                 std::int64_t count) {
  if (found == static_cast<std::uint64_t>(count)) return;
  fail(at.place(),
       what + " has " + std::to_string(found) + " values instead of " + std::to_string(count));
}

std::vector<float> from_halves(std::span<const std::byte> bytes) {
  std::vector<float> values(bytes.size() / 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    Half half;
    std::memcpy(&half.bits, bytes.data() + 2 * i, sizeof half.bits);
    values[i] = to_float(half);
  }
  return values;
}

std::vector<float> from_bytes(std::span<const std::byte> bytes, bool with_sign) {
  std::vector<float> values;
  for (const std::byte b : bytes) {
    const auto value = std::to_integer<std::uint8_t>(b);
    values.push_back(with_sign ? static_cast<float>(static_cast<std::int8_t>(value))
                               : static_cast<float>(value));
  }
  return values;
}

// Values of `bits` bits each, the highest bit first.
class BitReader {
 public:
  BitReader(std::span<const std::byte> bytes, unsigned bits) : bytes_(bytes), bits_(bits) {}
  unsigned next() {
    unsigned value = 0;
    for (unsigned i = 0; i < bits_; ++i, ++at_) {
      const auto byte = std::to_integer<unsigned>(bytes_[at_ / 8]);
      value = value << 1 | ((byte >> (7 - at_ % 8)) & 1U);
    }
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  unsigned bits_;
  std::size_t at_ = 0;
};

std::vector<float> quantized(const Message& weights, std::int64_t count, std::int64_t rows,
                             const std::string& what) {
  using Quantization = QuantizationParams;
  const Message quantization = weights.message(WeightParams::kQuantization);
  const std::uint64_t bits = quantization.integer(Quantization::kNumberOfBits);
  if (bits < 1 || bits > 8) {
    fail(weights.place(), what + " has " + std::to_string(bits) + " bits per value, not 1 to 8");
  }
  const auto bytes = weights.content(WeightParams::kRawValue);
  const std::uint64_t needed = (static_cast<std::uint64_t>(count) * bits + 7) / 8;
  if (bytes.size() != needed) {
    fail(weights.place(), what + " has " + std::to_string(bytes.size()) + " bytes, " +
                              std::to_string(count) + " values of " + std::to_string(bits) +
                              " bits need " + std::to_string(needed));
  }
  BitReader raw(bytes, static_cast<unsigned>(bits));
  std::vector<float> values(static_cast<std::size_t>(count));
  if (quantization.has(Quantization::kLookupTableQuantization)) {
    const std::vector<float> table = quantization.message(Quantization::kLookupTableQuantization)
                                         .reals(LookUpTableQuantizationParams::kFloatValue, 256);
    check_count(quantization, "the table of " + what, table.size(), std::int64_t{1} << bits);
    for (float& value : values) value = table[raw.next()];
    return values;
  }
  if (!quantization.has(Quantization::kLinearQuantization))
    fail(weights.place(), what + " is quantized in an unknown way");
  const Message line = quantization.message(Quantization::kLinearQuantization);
  const auto limit = static_cast<std::size_t>(rows);
  const std::vector<float> scale = line.reals(LinearQuantizationParams::kScale, limit);
  const std::vector<float> bias = line.reals(LinearQuantizationParams::kBias, limit);
  for (const auto* list : {&scale, &bias}) {
    if (list->size() > 1 || (list == &scale && list->empty())) {
      check_count(line, "the scale of " + what, list->size(), rows);
    }
  }
  const auto at = [](const std::vector<float>& list, std::size_t row) {
    return list.empty() ? 0.F : list[list.size() == 1 ? 0 : row];
  };
  const std::size_t each = values.size() / limit;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(raw.next()) * at(scale, i / each) + at(bias, i / each);
  }
  return values;
}

template <typename T>
T value_at(const Bytes& file, std::uint64_t offset) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

}  // namespace

std::vector<float> read_weights(const Message& weights, std::int64_t count, std::int64_t rows,
                                const std::string& what) {
  if (count <= 0 || rows <= 0 || count % rows != 0) {
    fail(weights.place(), what + " would have " + std::to_string(count) + " values");
  }
  if (weights.has(WeightParams::kInt8RawValue)) {
    fail(weights.place(), what + " uses dynamic quantization, which oko does not support");
  }
  if (weights.has(WeightParams::kQuantization)) return quantized(weights, count, rows, what);
  const auto halves = weights.content(WeightParams::kFloat16Value);
  if (!halves.empty()) {
    if (halves.size() % 2 != 0) fail(weights.place(), what + " ends inside a value");
    check_count(weights, what, halves.size() / 2, count);
    return from_halves(halves);
  }
  std::vector<float> values =
      weights.reals(WeightParams::kFloatValue, static_cast<std::size_t>(count));
  check_count(weights, what, values.size(), count);
  return values;
}

std::vector<float> read_blob(const Bytes& file, std::uint64_t offset, std::int64_t count,
                             const std::string& what) {
  const std::string place = "weight.bin@" + std::to_string(offset);
  if (file.empty()) {
    throw input_error(place, what + " is in the package's weights/weight.bin, which is missing",
                      "import the whole .mlpackage folder");
  }
  if (offset < kHeaderBytes || file.size() < kMetadataBytes ||
      offset > file.size() - kMetadataBytes || value_at<std::uint32_t>(file, offset) != kSentinel) {
    fail(place, "no weight blob starts here, where " + what + " should be");
  }
  const auto type = value_at<std::uint32_t>(file, offset + 4);
  if (type < kHalfBlob || type > kSignedBlob) {
    fail(place, what + " is of type " + std::to_string(type) +
                    ", which is neither float32 nor float16, and not of 8 bits");
  }
  const auto size = value_at<std::uint64_t>(file, offset + 8);
  const auto start = value_at<std::uint64_t>(file, offset + 16);
  if (start > file.size() || size > file.size() - start) {
    fail(place, what + " goes past the end of the file");
  }
  const std::uint64_t width = type == kHalfBlob ? 2 : type == kFloatBlob ? 4 : 1;
  if (count <= 0 || size % width != 0 || size / width != static_cast<std::uint64_t>(count)) {
    fail(place, what + " has " + std::to_string(size / width) + " values instead of " +
                    std::to_string(count));
  }
  const auto bytes = file.span().subspan(start, size);
  if (type == kHalfBlob) return from_halves(bytes);
  if (type != kFloatBlob) return from_bytes(bytes, type == kSignedBlob);
  std::vector<float> values(bytes.size() / 4);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace oko::formats::coreml

#include "oko/formats/ncnn/bin.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "oko/base/error.h"
#include "oko/base/half.h"

namespace oko::formats::ncnn {
namespace {

template <typename T>
std::vector<T> copied(const Bytes& bytes, std::size_t count) {  // which may be unaligned
  std::vector<T> values(count);
  std::memcpy(values.data(), bytes.data(), count * sizeof(T));
  return values;
}

}  // namespace

graph::Tensor Bin::checked(std::vector<float> values, std::vector<std::int64_t> shape,
                           const char* what) const {
  if (!std::ranges::all_of(values, [](float v) { return std::isfinite(v); })) {
    throw input_error(bytes_.place(),
                      std::string(what) + " before this contains values that are not finite",
                      "the file is damaged");
  }
  return graph::Tensor::of(std::move(values), std::move(shape));
}

graph::Tensor Bin::row(std::int64_t count, const char* what) {
  const auto size = static_cast<std::size_t>(count);
  return checked(copied<float>(bytes_.take(size * sizeof(float), what), size), {count}, what);
}

graph::Tensor Bin::kernel(const Line& line, std::vector<std::int64_t> shape) {
  constexpr std::uint32_t kHalf = 0x01306B47, kPlain = 0x0002C056;
  const char* const what = "a kernel";
  std::size_t count = 1;
  for (const std::int64_t side : shape) count *= static_cast<std::size_t>(side);
  const std::string place = bytes_.place();
  const auto flag = bytes_.read<std::uint32_t>("the flag of a kernel");
  if (flag == 0 || flag == kPlain) {
    return checked(copied<float>(bytes_.take(count * sizeof(float), what), count), std::move(shape),
                   what);
  }
  if (flag != kHalf) {
    throw input_error(place,
                      "the kernel of " + line.name + " is stored as int8 or a lookup table (flag " +
                          std::to_string(flag) + ")",
                      "use the model from before it was quantized");
  }
  const auto halves = copied<Half>(bytes_.take((count * sizeof(Half) + 3) / 4 * 4, what), count);
  std::vector<float> values(count);
  std::ranges::transform(halves, values.begin(), to_float);
  return checked(std::move(values), std::move(shape), what);
}

void Bin::finish() const {
  if (bytes_.remaining() == 0) return;
  throw input_error(bytes_.place(),
                    std::to_string(bytes_.remaining()) + " bytes are left after the last layer",
                    "the .bin belongs to another .param");
}

}  // namespace oko::formats::ncnn

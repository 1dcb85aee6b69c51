#pragma once

#include <bit>
#include <cstdint>

namespace oko {

// float16 bits, for weights only.
struct Half {
  std::uint16_t bits = 0;
};

inline constexpr float kLargestHalf = 65504;

// IEEE 754 binary16 to binary32; exact.
inline float to_float(Half half) {
  const std::uint32_t sign = std::uint32_t{half.bits & 0x8000U} << 16;
  const std::uint32_t rest = half.bits & 0x7fffU;
  if (rest >= 0x7c00U) return std::bit_cast<float>(sign | 0x7f800000U | (rest & 0x3ffU) << 13);
  if (rest < 0x400U) {  // subnormal: a multiple of 2^-24
    const float value = static_cast<float>(rest) * 0x1p-24F;
    return sign != 0 ? -value : value;
  }
  return std::bit_cast<float>(sign | ((rest << 13) + 0x38000000U));
}

// Rounds to nearest, ties to even; values out of range become the largest finite one, since a
// weight must stay finite.
inline Half to_half(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const float size = std::bit_cast<float>(bits & 0x7fffffffU);
  if (size >= kLargestHalf) return {static_cast<std::uint16_t>(sign | 0x7bffU)};
  if (size < 0x1p-14F) {  // adding 0.5 leaves the multiple of 2^-24 in the low bits, rounded
    const std::uint32_t rounded = std::bit_cast<std::uint32_t>(size + .5F) - 0x3f000000U;
    return {static_cast<std::uint16_t>(sign | rounded)};
  }
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  const std::uint32_t odd = (magnitude >> 13) & 1U;
  return {static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000U + 0xfffU + odd) >> 13))};
}

}  // namespace oko

#include "oko/dataset/warp_kernels.h"

#include <algorithm>
#include <cstring>

#include "oko/base/simd_targets.h"
#undef HWY_WANT_AVX3_DL  // no benefit here
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "oko/dataset/warp_kernels.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "oko/base/simd_select.h"

HWY_BEFORE_NAMESPACE();
namespace oko::dataset {
namespace HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using Vec = hn::Vec<Floats>;
constexpr Floats kFloats;
constexpr std::size_t kLanes = hn::MaxLanes(Floats());

HWY_INLINE Vec bytes_at(const std::uint8_t* source) {
  constexpr hn::Rebind<std::uint8_t, Floats> bytes;
  constexpr hn::RebindToSigned<Floats> ints;
  return hn::ConvertTo(kFloats, hn::PromoteTo(ints, hn::LoadU(bytes, source)));
}

// Whole vectors, and for the rest `one`, which does a single value in the same way.
template <class Vectors, class One>
HWY_INLINE void for_each(std::size_t count, const Vectors& vectors, const One& one) {
  std::size_t k = 0;
  for (; k + kLanes <= count; k += kLanes) vectors(k);
  for (; k < count; ++k) one(k);
}

void blend_rows(const std::uint8_t* source, std::size_t stride, const float* weight, int taps,
                float* line, std::size_t count) {
  for_each(
      count,
      [&](std::size_t k) {
        Vec sum = hn::Mul(hn::Set(kFloats, weight[0]), bytes_at(source + k));
        for (int t = 1; t < taps; ++t) {
          const auto* row = source + static_cast<std::size_t>(t) * stride;
          sum = hn::Add(sum, hn::Mul(hn::Set(kFloats, weight[t]), bytes_at(row + k)));
        }
        hn::StoreU(sum, kFloats, line + k);
      },
      [&](std::size_t k) {
        float sum = weight[0] * static_cast<float>(source[k]);
        for (int t = 1; t < taps; ++t) {
          sum += weight[t] * static_cast<float>(source[static_cast<std::size_t>(t) * stride + k]);
        }
        line[k] = sum;
      });
}

// An output is a vector of red, green, blue and something else; four of them are transposed.
using Four = hn::Full128<float>;
constexpr Four kFour;

template <int kTaps>
HWY_INLINE hn::Vec<Four> blended(const float* from, const float* weight, int taps) {
  hn::Vec<Four> sum = hn::Mul(hn::Set(kFour, weight[0]), hn::LoadU(kFour, from));
  for (int t = 1; t < (kTaps > 0 ? kTaps : taps); ++t) {
    sum = hn::Add(sum, hn::Mul(hn::Set(kFour, weight[t]), hn::LoadU(kFour, from + 3 * t)));
  }
  return sum;
}

template <int kTaps>
void blend_columns_by(const float* line, const int* start, const float* weight, int given,
                      int count, float* red, float* green, float* blue) {
  const int taps = kTaps > 0 ? kTaps : given;
  const auto at = [&](int k) {
    return blended<kTaps>(line + 3 * start[k], weight + static_cast<std::ptrdiff_t>(k) * taps,
                          taps);
  };
  constexpr hn::Repartition<std::uint64_t, Four> pairs;
  int k = 0;
  for (; k + 4 <= count; k += 4) {
    const auto a = at(k), b = at(k + 1), c = at(k + 2), d = at(k + 3);
    const auto ab = hn::BitCast(pairs, hn::InterleaveLower(kFour, a, b));  // r r g g
    const auto cd = hn::BitCast(pairs, hn::InterleaveLower(kFour, c, d));
    const auto ab2 = hn::BitCast(pairs, hn::InterleaveUpper(kFour, a, b));  // b b x x
    const auto cd2 = hn::BitCast(pairs, hn::InterleaveUpper(kFour, c, d));
    hn::StoreU(hn::BitCast(kFour, hn::InterleaveLower(pairs, ab, cd)), kFour, red + k);
    hn::StoreU(hn::BitCast(kFour, hn::InterleaveUpper(pairs, ab, cd)), kFour, green + k);
    hn::StoreU(hn::BitCast(kFour, hn::InterleaveLower(pairs, ab2, cd2)), kFour, blue + k);
  }
  for (; k < count; ++k) {
    HWY_ALIGN float rgb[4];
    hn::Store(at(k), kFour, rgb);
    red[k] = rgb[0], green[k] = rgb[1], blue[k] = rgb[2];
  }
}

void blend_columns(const float* line, const int* start, const float* weight, int taps, int count,
                   float* red, float* green, float* blue) {
  const auto by = taps == 2 ? blend_columns_by<2> : blend_columns_by<0>;
  by(line, start, weight, taps, count, red, green, blue);
}

// As shift_color() below.
HWY_INLINE void shift_vectors(Vec& r, Vec& g, Vec& b, const FloatShift& shift) {
  const auto set = [](float value) { return hn::Set(kFloats, value); };
  const Vec tiny = set(1e-20F), one = set(1), six = set(6), zero = hn::Zero(kFloats);
  const Vec value = hn::Max(hn::Max(r, g), b);
  const Vec chroma = hn::Sub(value, hn::Min(hn::Min(r, g), b));
  const Vec unit = hn::Div(one, hn::Add(chroma, tiny));
  const Vec by_red = hn::Mul(hn::Sub(g, b), unit);
  const Vec by_green = hn::Add(set(2), hn::Mul(hn::Sub(b, r), unit));
  const Vec by_blue = hn::Add(set(4), hn::Mul(hn::Sub(r, g), unit));
  Vec hue = hn::IfThenElse(hn::Eq(value, g), by_green, by_blue);
  hue = hn::Add(hn::IfThenElse(hn::Eq(value, r), by_red, hue), set(shift.hue));
  const Vec above = hn::Add(hue, six);
  hue = hn::IfThenElse(hn::Ge(hue, six), hn::Sub(hue, six), hue);
  hue = hn::IfThenElse(hn::Lt(hue, zero), above, hue);
  const Vec new_value = hn::Min(one, hn::Mul(value, set(shift.value)));
  const Vec share = hn::Mul(hn::Div(chroma, hn::Add(value, tiny)), set(shift.saturation));
  const Vec new_chroma = hn::Mul(new_value, hn::Min(one, share));
  const auto channel = [&](float turn) {
    const Vec at = hn::Add(hue, set(turn));
    const Vec k = hn::IfThenElse(hn::Ge(at, six), hn::Sub(at, six), at);
    const Vec part = hn::Max(zero, hn::Min(hn::Min(k, hn::Sub(set(4), k)), one));
    return hn::Sub(new_value, hn::Mul(new_chroma, part));
  };
  r = channel(5);
  g = channel(3);
  b = channel(1);
}

void shift_colors(float* red, float* green, float* blue, int count, const FloatShift& shift) {
  const auto shift_at = [&shift](float* r, float* g, float* b) {
    Vec red_ones = hn::LoadU(kFloats, r), green_ones = hn::LoadU(kFloats, g),
        blue_ones = hn::LoadU(kFloats, b);
    shift_vectors(red_ones, green_ones, blue_ones, shift);
    hn::StoreU(red_ones, kFloats, r);
    hn::StoreU(green_ones, kFloats, g);
    hn::StoreU(blue_ones, kFloats, b);
  };
  const auto all = static_cast<std::size_t>(count);
  std::size_t k = 0;
  for (; k + kLanes <= all; k += kLanes) shift_at(red + k, green + k, blue + k);
  if (k == all) return;
  float rest[3][kLanes] = {};
  float* const colors[3] = {red + k, green + k, blue + k};
  for (int c = 0; c < 3; ++c) std::memcpy(rest[c], colors[c], (all - k) * sizeof(float));
  shift_at(rest[0], rest[1], rest[2]);
  for (int c = 0; c < 3; ++c) std::memcpy(colors[c], rest[c], (all - k) * sizeof(float));
}

const WarpKernels* kernels() {
  static constexpr WarpKernels kKernels{blend_rows, blend_columns, shift_colors};
  return &kKernels;
}

#endif
}  // namespace HWY_NAMESPACE
}  // namespace oko::dataset
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace oko::dataset {
namespace {

void blend_rows_plainly(const std::uint8_t* source, std::size_t stride, const float* weight,
                        int taps, float* line, std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) {
    line[k] = weight[0] * static_cast<float>(source[k]);
    for (int t = 1; t < taps; ++t) {
      line[k] += weight[t] * static_cast<float>(source[static_cast<std::size_t>(t) * stride + k]);
    }
  }
}

void blend_columns_plainly(const float* line, const int* start, const float* weight, int taps,
                           int count, float* red, float* green, float* blue) {
  for (int k = 0; k < count; ++k, weight += taps) {
    const float* p = line + start[k] * 3;
    float r = weight[0] * p[0], g = weight[0] * p[1], b = weight[0] * p[2];
    for (int t = 1; t < taps; ++t) {
      r += weight[t] * p[3 * t];
      g += weight[t] * p[3 * t + 1];
      b += weight[t] * p[3 * t + 2];
    }
    red[k] = r;
    green[k] = g;
    blue[k] = b;
  }
}

// Hue runs from 0 to 6: 0 red, 2 green, 4 blue; a channel at hue distance d from its own colour is
// value − chroma · clamp(d − 1, 0, 1).
void shift_colors_plainly(float* red, float* green, float* blue, int count,
                          const FloatShift& shift) {
  constexpr float kTiny = 1e-20F;  // keeps 0 / 0 at 0
  for (int i = 0; i < count; ++i) {
    const float r = red[i], g = green[i], b = blue[i];
    const float value = std::max(std::max(r, g), b);
    const float chroma = value - std::min(std::min(r, g), b);
    const float unit = 1 / (chroma + kTiny);
    const float by_red = (g - b) * unit, by_green = 2 + (b - r) * unit,
                by_blue = 4 + (r - g) * unit;
    float hue = value == g ? by_green : by_blue;
    hue = (value == r ? by_red : hue) + shift.hue;  // [-1, 11)
    const float below = hue - 6, above = hue + 6;
    hue = hue >= 6 ? below : hue;
    hue = hue < 0 ? above : hue;
    const float new_value = std::min(1.F, value * shift.value);
    const float new_chroma = new_value * std::min(1.F, chroma / (value + kTiny) * shift.saturation);
    const auto channel = [=](float turn) {
      const float at = hue + turn, wrapped = at - 6;
      const float k = at >= 6 ? wrapped : at;
      return new_value - new_chroma * std::max(0.F, std::min(std::min(k, 4 - k), 1.F));
    };
    red[i] = channel(5);
    green[i] = channel(3);
    blue[i] = channel(1);
  }
}

const WarpKernels* kernels_for(SimdTarget target) {
  OKO_SIMD_SELECT(target, kernels());
  static constexpr WarpKernels kPlain{blend_rows_plainly, blend_columns_plainly,
                                      shift_colors_plainly};
  return &kPlain;
}

}  // namespace

const WarpKernels& warp_kernels(SimdTarget target) { return *kernels_for(target); }

}  // namespace oko::dataset
#endif

#include "oko/image/row_kernels.h"

#include <algorithm>

#include "oko/base/simd_targets.h"
#undef HWY_WANT_AVX3_DL  // no benefit here
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "oko/image/row_kernels.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "oko/base/simd_select.h"

HWY_BEFORE_NAMESPACE();
namespace oko::image {
namespace HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 2 * Gather::kGroup>;
using Ints = hn::RebindToSigned<Floats>;
using Block = hn::Full128<std::uint8_t>;
using FloatVec = hn::Vec<Floats>;
using BlockVec = hn::Vec<Block>;
constexpr Floats kFloats;
constexpr Ints kInts;
constexpr Block kBytes;
constexpr std::size_t kLanes = hn::MaxLanes(Floats());

template <class Narrow>
HWY_INLINE FloatVec to_floats(Narrow v) {
  return hn::ConvertTo(kFloats, hn::PromoteTo(kInts, v));
}

HWY_INLINE FloatVec lerp(FloatVec a, FloatVec b, FloatVec weight) {
  return hn::MulAdd(hn::Sub(b, a), weight, a);
}

template <class Narrow>
HWY_INLINE void lerp_lanes(Narrow first, Narrow second, const float* weight, float* to) {
  hn::StoreU(lerp(to_floats(first), to_floats(second), hn::LoadU(kFloats, weight)), kFloats, to);
}

// 16 bytes each.
template <class Taps>
HWY_INLINE void lerp_block(Taps first, Taps second, const float* weight, float* to) {
  if constexpr (kLanes == 16) {
    lerp_lanes(first, second, weight, to);
  } else if constexpr (kLanes == 8) {
    lerp_lanes(hn::LowerHalf(first), hn::LowerHalf(second), weight, to);
    lerp_lanes(hn::UpperHalf(hn::Half<Block>(), first), hn::UpperHalf(hn::Half<Block>(), second),
               weight + 8, to + 8);
  } else {
    // Two steps: widening bytes to words is shared by two vectors of floats.
    constexpr hn::Full128<std::uint16_t> words;
    constexpr hn::Half<decltype(words)> half;
    const auto eight = [&](auto a, auto b, const float* w, float* out) {
      const auto first_words = hn::PromoteTo(words, a), second_words = hn::PromoteTo(words, b);
      lerp_lanes(hn::LowerHalf(first_words), hn::LowerHalf(second_words), w, out);
      lerp_lanes(hn::UpperHalf(half, first_words), hn::UpperHalf(half, second_words), w + 4,
                 out + 4);
    };
    eight(hn::LowerHalf(first), hn::LowerHalf(second), weight, to);
    eight(hn::UpperHalf(hn::Half<Block>(), first), hn::UpperHalf(hn::Half<Block>(), second),
          weight + 8, to + 8);
  }
}

// The first and second taps of 8 pixels.
template <int kLoads>
HWY_INLINE BlockVec take(const std::uint8_t* row, const std::int32_t* offset,
                         const std::uint8_t* shuffle, int loads) {
  const auto part = [&](int i) {
    const auto bytes = hn::LoadU(kBytes, row + offset[i]);
    const auto from = hn::LoadU(kBytes, shuffle + i * Gather::kBlock);
    return kLoads == 1 ? hn::TableLookupBytes(bytes, from) : hn::TableLookupBytesOr0(bytes, from);
  };
  BlockVec taps = part(0);
  for (int i = 1; i < loads; ++i) taps = hn::Or(taps, part(i));
  return taps;
}

// kLoads is the number of loads if it is small enough for a specialized copy, or 0.
template <int kLoads>
void resample_groups(const std::uint8_t* row, const Gather& gather, float* to) {
  const int loads = kLoads == 0 ? gather.loads : kLoads, groups = gather.groups;
  const std::int32_t* offset = gather.offsets.data();
  const std::uint8_t* shuffle = gather.shuffles.data();
  const float* weight = gather.weights.data();
  for (int g = 0; g < groups; g += 2) {
    const BlockVec low = take<kLoads>(row, offset, shuffle, loads);
    const BlockVec high =
        take<kLoads>(row, offset + loads, shuffle + loads * Gather::kBlock, loads);
    lerp_block(hn::ConcatLowerLower(kBytes, high, low), hn::ConcatUpperUpper(kBytes, high, low),
               weight, to);
    offset += 2 * loads, shuffle += 2 * loads * Gather::kBlock;
    weight += 2 * Gather::kGroup, to += 2 * Gather::kGroup;
  }
}

void resample(const std::uint8_t* row, const Gather& gather, float* to) {
  switch (gather.loads) {
    case 1:
      return resample_groups<1>(row, gather, to);
    case 2:
      return resample_groups<2>(row, gather, to);
    default:
      return resample_groups<0>(row, gather, to);
  }
}

// Full vectors, the last one overlapping its predecessor, or single pixels if there is no full
// vector.
template <std::size_t kStep, std::size_t kKept, class Split>
HWY_INLINE void split(const std::uint8_t* from, std::size_t count, std::uint8_t* const* to,
                      std::size_t lanes, const Split& split_vector) {
  if (count < lanes) {
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t k = 0; k < kKept; ++k) to[k][i] = from[i * kStep + k];
    }
    return;
  }
  for (std::size_t i = 0; i + lanes <= count; i += lanes) split_vector(i);
  if (count % lanes != 0) split_vector(count - lanes);
}

using Bytes = hn::ScalableTag<std::uint8_t>;

void split3(const std::uint8_t* from, std::size_t count, std::uint8_t* const* to) {
  constexpr Bytes d;
  split<3, 3>(from, count, to, hn::Lanes(d), [&](std::size_t i) {
    hn::Vec<Bytes> a, b, c;
    hn::LoadInterleaved3(d, from + 3 * i, a, b, c);
    hn::StoreU(a, d, to[0] + i);
    hn::StoreU(b, d, to[1] + i);
    hn::StoreU(c, d, to[2] + i);
  });
}

void split4(const std::uint8_t* from, std::size_t count, std::uint8_t* const* to) {
  constexpr Bytes d;
  split<4, 3>(from, count, to, hn::Lanes(d), [&](std::size_t i) {
    hn::Vec<Bytes> a, b, c, unused;
    hn::LoadInterleaved4(d, from + 4 * i, a, b, c, unused);
    hn::StoreU(a, d, to[0] + i);
    hn::StoreU(b, d, to[1] + i);
    hn::StoreU(c, d, to[2] + i);
  });
}

// Full vectors up to `count`, which is at least one; the last one may overlap its predecessor.
template <class Step>
HWY_INLINE void for_vectors(std::size_t count, const Step& step) {
  for (std::size_t i = 0;; i += kLanes) {
    i = i < count - kLanes ? i : count - kLanes;
    step(i);
    if (i == count - kLanes) return;
  }
}

// For less than a vector: `whole` fills one per plane, of which the first part is kept.
template <class Whole>
void blend_few(std::size_t count, float* const* to, const Whole& whole) {
  HWY_ALIGN float lanes[3][kLanes];
  float* const planes[] = {lanes[0], lanes[1], lanes[2]};
  whole(planes);
  for (std::size_t c = 0; c < 3; ++c) std::copy_n(lanes[c], count, to[c]);
}

// Two rows of one channel, blended.
class Blend {
 public:
  HWY_INLINE Blend(const RowPair& rows, std::size_t channel, float weight)
      : above_(rows.above[channel]), below_(rows.below[channel]), weight_(weight) {}
  HWY_INLINE FloatVec at(std::size_t i) const {
    return lerp(hn::LoadU(kFloats, above_ + i), hn::LoadU(kFloats, below_ + i),
                hn::Set(kFloats, weight_));
  }

 private:
  const float *above_, *below_;
  float weight_;
};

// Bytes become exactly byte / 255.
HWY_INLINE FloatVec divided_by_255(FloatVec v) {
#if HWY_NATIVE_FMA
  constexpr float kHigh = 1.F / 255;
  constexpr auto kLow = static_cast<float>(1. / 255 - double{kHigh});
  return hn::MulAdd(v, hn::Set(kFloats, kHigh), hn::Mul(v, hn::Set(kFloats, kLow)));
#else
  return hn::Div(v, hn::Set(kFloats, 255));
#endif
}

void blend_rgb(const RowPair& rows, std::size_t count, float* const* to) {
  if (count < kLanes) {
    return blend_few(count, to, [&](float* const* all) { blend_rgb(rows, kLanes, all); });
  }
  for (std::size_t c = 0; c < 3; ++c) {
    const Blend channel(rows, c, rows.weight);
    float* out = to[c];
    for_vectors(
        count, [&](std::size_t i) { hn::StoreU(divided_by_255(channel.at(i)), kFloats, out + i); });
  }
}

void blend_yuv(const RowPair& rows, const YuvToRgb& m, std::size_t count, float* const* to) {
  if (count < kLanes) {
    return blend_few(count, to, [&](float* const* all) { blend_yuv(rows, m, kLanes, all); });
  }
  const Blend luma(rows, 0, rows.weight);
  const Blend blueness(rows, 1, rows.chroma_weight), redness(rows, 2, rows.chroma_weight);
  float *red = to[0], *green = to[1], *blue = to[2];
  const FloatVec scale = hn::Set(kFloats, m.scale), dark = hn::Set(kFloats, -m.scale * m.black);
  const FloatVec neutral = hn::Set(kFloats, 128), one = hn::Set(kFloats, 1);
  const FloatVec red_v = hn::Set(kFloats, m.from_v[0]), green_u = hn::Set(kFloats, m.from_u[1]);
  const FloatVec green_v = hn::Set(kFloats, m.from_v[1]), blue_u = hn::Set(kFloats, m.from_u[2]);
  const auto put = [&](FloatVec v, float* out) {
    hn::StoreU(hn::Min(hn::Max(v, hn::Zero(kFloats)), one), kFloats, out);
  };
  for_vectors(count, [&](std::size_t i) {
    const FloatVec y = hn::MulAdd(luma.at(i), scale, dark);
    const FloatVec u = hn::Sub(blueness.at(i), neutral), v = hn::Sub(redness.at(i), neutral);
    put(hn::MulAdd(v, red_v, y), red + i);
    put(hn::MulAdd(u, green_u, hn::MulAdd(v, green_v, y)), green + i);
    put(hn::MulAdd(u, blue_u, y), blue + i);
  });
}

// 4 floats of every fourth row, one row in each block of 128 bits.
template <class D>
HWY_INLINE hn::Vec<D> load_blocks(D d, const float* from, std::ptrdiff_t row) {
  constexpr hn::Full128<float> d4;
  const auto block = [&](std::ptrdiff_t b) { return hn::LoadU(d4, from + 4 * b * row); };
  if constexpr (hn::MaxLanes(D()) == 4) {
    return block(0);
  } else if constexpr (hn::MaxLanes(D()) == 8) {
    return hn::Combine(d, block(1), block(0));
  } else {
    constexpr hn::Half<D> d8;
    return hn::Combine(d, hn::Combine(d8, block(3), block(2)), hn::Combine(d8, block(1), block(0)));
  }
}

// to[l · row + k] = from[k · from_row + l] for l < 4 and k < Lanes(d).
template <class D>
HWY_INLINE void transpose_vector(D d, const float* from, std::ptrdiff_t from_row, float* to,
                                 std::ptrdiff_t row) {
  constexpr hn::Repartition<std::uint64_t, D> d64;
  const auto v0 = load_blocks(d, from, from_row);
  const auto v1 = load_blocks(d, from + from_row, from_row);
  const auto v2 = load_blocks(d, from + 2 * from_row, from_row);
  const auto v3 = load_blocks(d, from + 3 * from_row, from_row);
  const auto low01 = hn::BitCast(d64, hn::InterleaveLower(d, v0, v1));
  const auto high01 = hn::BitCast(d64, hn::InterleaveUpper(d, v0, v1));
  const auto low23 = hn::BitCast(d64, hn::InterleaveLower(d, v2, v3));
  const auto high23 = hn::BitCast(d64, hn::InterleaveUpper(d, v2, v3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d64, low01, low23)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d64, low01, low23)), d, to + row);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d64, high01, high23)), d, to + 2 * row);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d64, high01, high23)), d, to + 3 * row);
}

void transpose(const float* from, std::ptrdiff_t from_row, std::ptrdiff_t lines,
               std::ptrdiff_t count, float* to, std::ptrdiff_t row) {
  constexpr hn::Full128<float> d4;
  constexpr auto kWide = static_cast<std::ptrdiff_t>(kLanes);
  const auto copy = [&](std::ptrdiff_t i, std::ptrdiff_t k) {
    to[i * row + k] = from[k * from_row + i];
  };
  const std::ptrdiff_t whole = count / 4 * 4;
  for (std::ptrdiff_t i = 0; i < whole; i += 4) {
    std::ptrdiff_t k = 0;
    for (; k + kWide <= lines; k += kWide) {
      transpose_vector(kFloats, from + k * from_row + i, from_row, to + i * row + k, row);
    }
    for (; k + 4 <= lines; k += 4) {
      transpose_vector(d4, from + k * from_row + i, from_row, to + i * row + k, row);
    }
    for (; k < lines; ++k) {
      for (std::ptrdiff_t l = i; l < i + 4; ++l) copy(l, k);
    }
  }
  for (std::ptrdiff_t i = whole; i < count; ++i) {
    for (std::ptrdiff_t k = 0; k < lines; ++k) copy(i, k);
  }
}

const RowKernels* kernels() {
  static constexpr RowKernels kKernels{resample, split3, split4, blend_rgb, blend_yuv, transpose};
  return &kKernels;
}

#endif
}  // namespace HWY_NAMESPACE
}  // namespace oko::image
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace oko::image {

const RowKernels* row_kernels(SimdTarget target) {
  OKO_SIMD_SELECT(target, kernels());
  return nullptr;
}

}  // namespace oko::image
#endif

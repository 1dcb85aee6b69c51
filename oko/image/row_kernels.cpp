#include "oko/image/row_kernels.h"

#undef HWY_WANT_AVX3_DL  // nothing here is faster for it
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

using Floats = hn::CappedTag<float, kTile>;
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
template <bool kOneLoad>
HWY_INLINE BlockVec take(const std::uint8_t* row, const std::int32_t* offset,
                         const std::uint8_t* shuffle, int loads) {
  const auto part = [&](int i) {
    const auto bytes = hn::LoadU(kBytes, row + offset[i]);
    const auto from = hn::LoadU(kBytes, shuffle + i * Gather::kBlock);
    return kOneLoad ? hn::TableLookupBytes(bytes, from) : hn::TableLookupBytesOr0(bytes, from);
  };
  BlockVec taps = part(0);
  if constexpr (!kOneLoad) {
    for (int i = 1; i < loads; ++i) taps = hn::Or(taps, part(i));
  }
  return taps;
}

template <bool kOneLoad>
void resample_groups(const std::uint8_t* row, const Gather& gather, float* to) {
  const int loads = kOneLoad ? 1 : gather.loads;
  const std::int32_t* offset = gather.offsets.data();
  const std::uint8_t* shuffle = gather.shuffles.data();
  const float* weight = gather.weights.data();
  for (int g = 0; g < gather.groups; g += 2) {
    const BlockVec low = take<kOneLoad>(row, offset, shuffle, loads);
    offset += loads, shuffle += loads * Gather::kBlock;
    const BlockVec high = take<kOneLoad>(row, offset, shuffle, loads);
    offset += loads, shuffle += loads * Gather::kBlock;
    lerp_block(hn::ConcatLowerLower(kBytes, high, low), hn::ConcatUpperUpper(kBytes, high, low),
               weight, to);
    weight += 2 * Gather::kGroup, to += 2 * Gather::kGroup;
  }
}

void resample(const std::uint8_t* row, const Gather& gather, float* to) {
  if (gather.loads == 1) {
    resample_groups<true>(row, gather, to);
  } else {
    resample_groups<false>(row, gather, to);
  }
}

// Whole vectors, the last one overlapping the one before it, or single pixels where there is no
// whole vector.
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

void split2(const std::uint8_t* from, std::size_t count, std::uint8_t* const* to) {
  constexpr Bytes d;
  split<2, 2>(from, count, to, hn::Lanes(d), [&](std::size_t i) {
    hn::Vec<Bytes> a, b;
    hn::LoadInterleaved2(d, from + 2 * i, a, b);
    hn::StoreU(a, d, to[0] + i);
    hn::StoreU(b, d, to[1] + i);
  });
}

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

// Stores the first `count` lanes where there are fewer than a vector.
HWY_INLINE void store_some(FloatVec v, std::size_t count, float* to) {
  if (count >= kLanes) return hn::StoreU(v, kFloats, to);
  HWY_ALIGN float lanes[kLanes];
  hn::Store(v, kFloats, lanes);
  for (std::size_t i = 0; i < count; ++i) to[i] = lanes[i];
}

HWY_INLINE FloatVec blend(const RowPair& rows, std::size_t channel, std::size_t i,
                          FloatVec weight) {
  return lerp(hn::LoadU(kFloats, rows.above[channel] + i),
              hn::LoadU(kFloats, rows.below[channel] + i), weight);
}

// Bytes come out as byte / 255 exactly, as from the division.
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
  const FloatVec weight = hn::Set(kFloats, rows.weight);
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = 0; i < count; i += kLanes) {
      store_some(divided_by_255(blend(rows, c, i, weight)), count - i, to[c] + i);
    }
  }
}

void blend_yuv(const RowPair& rows, const YuvToRgb& m, std::size_t count, float* const* to) {
  const FloatVec weight = hn::Set(kFloats, rows.weight);
  const FloatVec chroma_weight = hn::Set(kFloats, rows.chroma_weight);
  const FloatVec scale = hn::Set(kFloats, m.scale);
  const FloatVec zero = hn::Zero(kFloats), one = hn::Set(kFloats, 1);
  const auto constant = [&](std::size_t c) {
    return hn::Set(kFloats, -m.scale * m.black - 128 * (m.from_u[c] + m.from_v[c]));
  };
  const FloatVec red = constant(0), green = constant(1), blue = constant(2);
  const FloatVec red_v = hn::Set(kFloats, m.from_v[0]), green_u = hn::Set(kFloats, m.from_u[1]);
  const FloatVec green_v = hn::Set(kFloats, m.from_v[1]), blue_u = hn::Set(kFloats, m.from_u[2]);
  for (std::size_t i = 0; i < count; i += kLanes) {
    const FloatVec y = hn::Mul(blend(rows, 0, i, weight), scale);
    const FloatVec u = blend(rows, 1, i, chroma_weight), v = blend(rows, 2, i, chroma_weight);
    const auto put = [&](FloatVec value, float* out) {
      store_some(hn::Min(hn::Max(value, zero), one), count - i, out + i);
    };
    put(hn::Add(y, hn::MulAdd(v, red_v, red)), to[0]);
    put(hn::Add(y, hn::MulAdd(u, green_u, hn::MulAdd(v, green_v, green))), to[1]);
    put(hn::Add(y, hn::MulAdd(u, blue_u, blue)), to[2]);
  }
}

// 4 floats of every fourth row, one row in each block of 128 bits.
template <class D>
HWY_INLINE FloatVec load_blocks(D d, const float* from, std::ptrdiff_t row) {
  constexpr hn::Full128<float> d4;
  const auto block = [&](std::ptrdiff_t b) { return hn::LoadU(d4, from + 4 * b * row); };
  if constexpr (kLanes == 4) {
    return block(0);
  } else if constexpr (kLanes == 8) {
    return hn::Combine(d, block(1), block(0));
  } else {
    constexpr hn::Half<D> d8;
    return hn::Combine(d, hn::Combine(d8, block(3), block(2)), hn::Combine(d8, block(1), block(0)));
  }
}

void transpose(const float* from, std::ptrdiff_t from_row, std::size_t lines, std::size_t count,
               float* to, std::ptrdiff_t row) {
  constexpr hn::Repartition<std::uint64_t, Floats> d64;
  const auto pairs = [&](FloatVec v) { return hn::BitCast(d64, v); };
  for (std::size_t i = 0; i < count; i += 4) {
    for (std::size_t k = 0; k < lines; k += kLanes) {
      const float* corner = from + static_cast<std::ptrdiff_t>(k) * from_row + i;
      const FloatVec a = load_blocks(kFloats, corner, from_row);
      const FloatVec b = load_blocks(kFloats, corner + from_row, from_row);
      const FloatVec c = load_blocks(kFloats, corner + 2 * from_row, from_row);
      const FloatVec d = load_blocks(kFloats, corner + 3 * from_row, from_row);
      const auto ab_low = pairs(hn::InterleaveLower(kFloats, a, b));
      const auto ab_high = pairs(hn::InterleaveUpper(kFloats, a, b));
      const auto cd_low = pairs(hn::InterleaveLower(kFloats, c, d));
      const auto cd_high = pairs(hn::InterleaveUpper(kFloats, c, d));
      float* out = to + static_cast<std::ptrdiff_t>(i) * row + k;
      const auto put = [&](std::size_t line, auto v) {
        if (i + line >= count) return;
        store_some(hn::BitCast(kFloats, v), lines - k,
                   out + static_cast<std::ptrdiff_t>(line) * row);
      };
      put(0, hn::InterleaveLower(d64, ab_low, cd_low));
      put(1, hn::InterleaveUpper(d64, ab_low, cd_low));
      put(2, hn::InterleaveLower(d64, ab_high, cd_high));
      put(3, hn::InterleaveUpper(d64, ab_high, cd_high));
    }
  }
}

const RowKernels* kernels() {
  static constexpr RowKernels kKernels{resample,  split2,    split3,   split4,
                                       blend_rgb, blend_yuv, transpose};
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

// What int8 kernels share: ends of sums and dot products, compiled once for each target.
#include <cstring>
#include <type_traits>

#include "oko/runtime/gemm-inl.h"
#include "oko/runtime/kernels8.h"

#if defined(OKO_RUNTIME_SUMS8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OKO_RUNTIME_SUMS8_INL_H_
#undef OKO_RUNTIME_SUMS8_INL_H_
#else
#define OKO_RUNTIME_SUMS8_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace oko::runtime::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

using D32 = hn::RebindToSigned<D>;
using V32 = hn::Vec<D32>;
using D8 = hn::Rebind<std::uint8_t, D>;  // as many bytes as there are floats

// ---- The end of a sum -------------------------------------------------------------------------

HWY_INLINE V to_float(const std::uint8_t* from) {
  return hn::ConvertTo(D(), hn::PromoteTo(D32(), hn::LoadU(D8(), from)));
}
HWY_INLINE V to_float(const float* from) { return hn::LoadU(D(), from); }

// x86 converts numbers from 2^31 on to the smallest integer. Bytes are made of numbers below this.
constexpr float kMostBeforeBytes = 1 << 30;

HWY_INLINE V32 to_nearest(V v) {
#if HWY_TARGET == HWY_AVX3_DL
  return V32{_mm512_cvtps_epi32(v.raw)};
#elif HWY_TARGET == HWY_AVX2
  return V32{_mm256_cvtps_epi32(v.raw)};
#else
  return hn::NearestInt(v);
#endif
}

// kLanes integers, or twice as many, held to 0 to 255.
HWY_INLINE void store_bytes(V32 v, std::uint8_t* to) {
#if HWY_TARGET == HWY_AVX3_DL
  const __m512i positive = _mm512_max_epi32(v.raw, _mm512_setzero_si512());
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtusepi32_epi8(positive));
#elif HWY_TARGET == HWY_AVX2
  const __m256i pairs = _mm256_packs_epi32(v.raw, v.raw);
  const __m128i words = _mm256_castsi256_si128(_mm256_permute4x64_epi64(pairs, 0x08));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(words, words));
#else
  hn::StoreU(hn::DemoteTo(D8(), v), D8(), to);
#endif
}
HWY_INLINE void store_bytes(V32 a, V32 b, std::uint8_t* to) {
#if HWY_TARGET == HWY_AVX3_DL
  const __m512i words = _mm512_packs_epi32(a.raw, b.raw);  // by blocks of 128 bits: 4 of a, 4 of b
  const __m512i bytes = _mm512_packus_epi16(words, words);
  const __m512i order = _mm512_castsi256_si512(_mm256_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                      _mm512_castsi512_si256(_mm512_permutexvar_epi32(order, bytes)));
#elif HWY_TARGET == HWY_AVX2
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a.raw, b.raw), 0xD8);
  const __m128i low = _mm256_castsi256_si128(words), high = _mm256_extracti128_si256(words, 1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(low, high));
#else
  store_bytes(a, to);
  store_bytes(b, to + kLanes);
#endif
}

// The first `count` of kLanes numbers, which are below kMostBeforeBytes or NaN.
HWY_INLINE void store_number(V v, float zero, std::uint8_t* to, int count) {
  const V32 numbers = to_nearest(hn::Add(v, hn::Set(D(), zero)));
  if (count >= kLanes) {
    store_bytes(numbers, to);
    return;
  }
#if HWY_TARGET == HWY_AVX3_DL
  const __m512i positive = _mm512_max_epi32(numbers.raw, _mm512_setzero_si512());
  _mm512_mask_cvtusepi32_storeu_epi8(to, static_cast<__mmask16>((1U << count) - 1), positive);
#else
  HWY_ALIGN std::uint8_t all[kLanes];
  store_bytes(numbers, all);
  for (int i = 0; i < count; ++i) to[i] = all[i];
#endif
}
HWY_INLINE void store_number(V v, float, float* to, int count) { store_part(v, to, count); }

// All of one vector or two.
template <int kVectors, typename Out>
HWY_INLINE void store_whole(const V (&v)[kVectors], float zero, Out* to) {
  if constexpr (kVectors == 2 && std::is_same_v<Out, std::uint8_t>) {
    const V zeros = hn::Set(D(), zero);
    store_bytes(to_nearest(hn::Add(v[0], zeros)), to_nearest(hn::Add(v[1], zeros)), to);
  } else {
    for (int i = 0; i < kVectors; ++i) store_number(v[i], zero, to + i * kLanes, kLanes);
  }
}

// The epilogue of a sum that is already in units of the output.
struct End8 {
  ClampVectors clamp, residual_clamp;
  V residual_scale, residual_zero;
  float zero;
  template <typename Call>
  explicit HWY_INLINE End8(const Call& c)
      : clamp(held<Call>(c.clamp)),
        residual_clamp(held<Call>(c.residual_clamp)),
        residual_scale(hn::Set(D(), c.residual_scale)),
        residual_zero(hn::Set(D(), c.residual_zero)),
        zero(c.zero) {}
  // Floats have no need of it: heads keep their infinities, of which boxes are not made.
  template <typename Call>
  static HWY_INLINE Clamp held(Clamp clamp) {
    if constexpr (!std::is_same_v<Call, Matrix8Call<float>>) {
      clamp.cap = HWY_MIN(clamp.cap, kMostBeforeBytes);
    }
    return clamp;
  }
  HWY_INLINE V add(V value, V residual) const {
    const V other = hn::Mul(hn::Sub(residual, residual_zero), residual_scale);
    return residual_clamp(hn::Add(value, other));
  }
};

// ---- Dot products -----------------------------------------------------------------------------

HWY_INLINE std::int32_t four_bytes(const std::uint8_t* from) {
  std::int32_t four;
  std::memcpy(&four, from, sizeof four);
  return four;
}

// What all products of a block of sums need: A, packed weights, the initial sum of each column, and
// where sums go.
struct Sums8 {
  const std::uint8_t* a;
  std::ptrdiff_t a_row, a_tap;
  int rows, taps, depth;
  const std::int8_t* b;
  const std::int32_t* start;
  std::int32_t* to;
  std::ptrdiff_t to_row;
};

// kGroup weights of each column, which are bytes, meet kGroup neighbouring numbers of A, of kBytes,
// in blocks of up to kRows rows, a multiple of kRowStep; an add() makes kProducts products. Here
// for what multiplies four bytes: 32 bits of A at a time.
struct FourBytes {
  static constexpr int kGroup = 4, kProducts = 4 * kLanes, kBytes = 1, kShift = 0;
  static constexpr int kRows = kMaxRows, kRowStep = 1;
  static HWY_INLINE V32 factor(const std::uint8_t* a) { return hn::Set(D32(), four_bytes(a)); }
  static HWY_INLINE V32 weight(const std::int8_t* b) {
    return hn::LoadU(D32(), reinterpret_cast<const std::int32_t*>(b));
  }
};

#if HWY_TARGET == HWY_AVX3_DL
struct ByteDot : FourBytes {
  static HWY_INLINE V32 add(V32 sum, V32 a, V32 b) {
    // As an instruction: Highway 1.0.3 leaves avx512vnni out of this target's flags.
    asm("vpdpbusd %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "v"(b.raw));
    return sum;
  }
};
using Dot = ByteDot;
#else
#if HWY_TARGET == HWY_AVX2
// The same with the instruction that has no need of AVX-512.
struct VexDot : FourBytes {
  static HWY_INLINE V32 add(V32 sum, V32 a, V32 b) {
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum.raw) : "x"(a.raw), "x"(b.raw));
    return sum;
  }
};
#endif
#if !HWY_ARCH_ARM_A64  // arm8-inl.h has what that multiplies with
// Pairs of 16-bit products: exact on every target. A is widened once, for all columns.
struct PairDot {
  static constexpr int kGroup = 2, kProducts = 2 * kLanes, kBytes = 2, kShift = 0;
  static constexpr int kRows = kMaxRows, kRowStep = 1;
  static HWY_INLINE V32 factor(const std::uint8_t* a) { return hn::Set(D32(), four_bytes(a)); }
  static HWY_INLINE V32 weight(const std::int8_t* b) {
    const hn::Repartition<std::int16_t, D32> words;
    const hn::Rebind<std::int8_t, decltype(words)> bytes;
    return hn::BitCast(D32(), hn::PromoteTo(words, hn::LoadU(bytes, b)));
  }
  static HWY_INLINE V32 add(V32 sum, V32 a, V32 b) {
#if HWY_TARGET == HWY_AVX2
    return V32{_mm256_add_epi32(sum.raw, _mm256_madd_epi16(a.raw, b.raw))};
#elif HWY_ARCH_WASM
    return V32{wasm_i32x4_add(sum.raw, wasm_i32x4_dot_i16x8(a.raw, b.raw))};
#elif HWY_ARCH_ARM
    const int16x8_t x = vreinterpretq_s16_s32(a.raw), y = vreinterpretq_s16_s32(b.raw);
    const int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(y));
    const int32x4_t high = vmull_s16(vget_high_s16(x), vget_high_s16(y));
    const int32x2_t pairs = vpadd_s32(vget_low_s32(low), vget_high_s32(low));
    const int32x2_t more = vpadd_s32(vget_low_s32(high), vget_high_s32(high));
    return V32{vaddq_s32(sum.raw, vcombine_s32(pairs, more))};
#endif
  }
};
using Dot = PairDot;
#endif
#if HWY_ARCH_ARM
// Where there is no dot product: one product at a time, which needs fewer instructions than
// pairs if lanes do not have to be added (depthwise convolutions).
struct LaneDot {
  static constexpr int kGroup = 1, kBytes = 4, kShift = 0;
  static HWY_INLINE V32 add(V32 sum, V32 a, V32 b) { return hn::Add(sum, hn::Mul(a, b)); }
};
#endif
#endif

#endif  // HWY_TARGET != HWY_SCALAR
}  // namespace oko::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard

// What int8 kernels share: ends of sums and dot products, compiled once for each target.
#include <cstring>

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

HWY_INLINE void store_number(V v, float zero, std::uint8_t* to, int count) {
  const auto bytes = hn::DemoteTo(D8(), hn::NearestInt(hn::Add(v, hn::Set(D(), zero))));
  if (count >= kLanes) {
    hn::StoreU(bytes, D8(), to);
    return;
  }
  HWY_ALIGN std::uint8_t all[kLanes];
  hn::Store(bytes, D8(), all);
  for (int i = 0; i < count; ++i) to[i] = all[i];
}
HWY_INLINE void store_number(V v, float, float* to, int count) { store_part(v, to, count); }

// The epilogue of a sum that is already in units of the output.
struct End8 {
  ClampVectors clamp, residual_clamp;
  V residual_scale, residual_zero;
  float zero;
  template <typename Call>
  explicit HWY_INLINE End8(const Call& c)
      : clamp(c.clamp),
        residual_clamp(c.residual_clamp),
        residual_scale(hn::Set(D(), c.residual_scale)),
        residual_zero(hn::Set(D(), c.residual_zero)),
        zero(c.zero) {}
  template <typename T>
  HWY_INLINE V add(V value, const T* residual) const {
    const V other = hn::Mul(hn::Sub(to_float(residual), residual_zero), residual_scale);
    return residual_clamp(hn::Add(value, other));
  }
};

// ---- Dot products -----------------------------------------------------------------------------

// kGroup weights of each column meet kGroup neighbouring bytes of A, in blocks of up to kRows rows.
#if HWY_TARGET == HWY_AVX3_DL
struct ByteDot {
  static constexpr int kGroup = 4, kBytes = 1, kShift = 0, kRows = kMaxRows;
  static HWY_INLINE V32 factor(const std::uint8_t* a) {
    std::int32_t four;
    std::memcpy(&four, a, sizeof four);
    return hn::Set(D32(), four);
  }
  static HWY_INLINE V32 add(V32 sum, V32 a, V32 b) {
    // As an instruction: Highway 1.0.3 leaves avx512vnni out of this target's flags.
    asm("vpdpbusd %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "v"(b.raw));
    return sum;
  }
};
using Dot = ByteDot;
#else
// Pairs of 16-bit products: exact on every target.
struct PairDot {
  static constexpr int kGroup = 2, kBytes = 2, kShift = 0;
  // On Arm a product takes four instructions, so loads and registers matter little.
  static constexpr int kRows = HWY_ARCH_ARM_A64 ? 8 : kMaxRows;
  static HWY_INLINE V32 factor(const std::uint8_t* a) {
    return hn::Set(D32(), static_cast<std::int32_t>(a[0] | a[1] << 16));
  }
  static HWY_INLINE V32 add(V32 sum, V32 a, V32 b) {
#if HWY_TARGET == HWY_AVX2
    return V32{_mm256_add_epi32(sum.raw, _mm256_madd_epi16(a.raw, b.raw))};
#elif HWY_ARCH_WASM
    return V32{wasm_i32x4_add(sum.raw, wasm_i32x4_dot_i16x8(a.raw, b.raw))};
#elif HWY_ARCH_ARM
    const int16x8_t x = vreinterpretq_s16_s32(a.raw), y = vreinterpretq_s16_s32(b.raw);
    const int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(y));
#if HWY_ARCH_ARM_A64
    const int32x4_t high = vmull_high_s16(x, y);
    return V32{vaddq_s32(sum.raw, vpaddq_s32(low, high))};
#else
    const int32x4_t high = vmull_s16(vget_high_s16(x), vget_high_s16(y));
    const int32x2_t pairs = vpadd_s32(vget_low_s32(low), vget_high_s32(low));
    const int32x2_t more = vpadd_s32(vget_low_s32(high), vget_high_s32(high));
    return V32{vaddq_s32(sum.raw, vcombine_s32(pairs, more))};
#endif
#endif
  }
};
using Dot = PairDot;
#if HWY_ARCH_ARM_A64
// What lets the assembler accept the instruction where the compiler's own target lacks it. Clang
// before 16 does not know the extension's name, so it gets a processor that has it; its directives
// hold for one statement, GCC's until the next function.
#if defined(__ARM_FEATURE_DOTPROD)
#define OKO_DOT_PRODUCT_ASM
#elif HWY_COMPILER_CLANG
#define OKO_DOT_PRODUCT_ASM ".cpu cortex-a75+crypto\n\t"
#else
#define OKO_DOT_PRODUCT_ASM ".arch armv8.2-a+crypto+dotprod\n\t"
#endif
// The dot product of ARMv8.2, written as an instruction so that the rest of the library runs on
// processors that lack it. Both sides are signed: A's bytes are shifted by 128.
struct SignedDot {
  static constexpr int kGroup = 4, kBytes = 1, kShift = 128, kRows = kMaxRows;
  static HWY_INLINE V32 factor(const std::uint8_t* a) {
    std::int32_t four;
    std::memcpy(&four, a, sizeof four);
    return hn::Set(D32(),
                   static_cast<std::int32_t>(static_cast<std::uint32_t>(four) ^ 0x80808080U));
  }
  static HWY_INLINE V32 add(V32 sum, V32 a, V32 b) {
    asm(OKO_DOT_PRODUCT_ASM "sdot %0.4s, %1.16b, %2.16b" : "+w"(sum.raw) : "w"(a.raw), "w"(b.raw));
    return sum;
  }
};
#undef OKO_DOT_PRODUCT_ASM
#endif
#if HWY_ARCH_ARM
// Where there is no such instruction: one product at a time, which needs fewer instructions than
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

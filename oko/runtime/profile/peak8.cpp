#include <type_traits>
#include <utility>

#include "oko/base/simd_targets.h"
#include "oko/runtime/profile/peak.h"

// As oko/runtime/kernels8.cpp.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (OKO_SIMD_UNUSED | HWY_SSE4 | HWY_AVX3)
#define HWY_WANT_AVX3_DL
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "oko/runtime/profile/peak8.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "oko/base/simd_select.h"
#include "oko/runtime/int8-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oko::runtime::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

// Two weights in registers are multiplied by factors from the L1 cache, as in the engine's kernel.
template <typename Dot>
double byte_rounds(int rounds, float* numbers) {
  namespace hn = hwy::HWY_NAMESPACE;
  namespace engine = runtime::HWY_NAMESPACE;
  const engine::D d;
  const engine::D32 d32;
  constexpr int kRows = Dot::kRows;
  // Products that take several instructions: GCC 12 keeps their sums in registers only in a loop
  // inside a loop.
  constexpr int kInner = Dot::kGroup == 4 ? 1 : 16;
  const auto weight0 = hn::BitCast(d32, hn::LoadU(d, numbers));
  const auto weight1 = hn::BitCast(d32, hn::LoadU(d, numbers + engine::kLanes));
  engine::V32 sum[kRows][2];
  for (int r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = weight0;
  for (int round = 0; round < rounds; round += kInner) {
    const float* factors = numbers + round % 16;
    for (int i = 0; i < kInner; ++i, ++factors) {
      for (int r = 0; r < kRows; ++r) {
        const auto factor = hn::BitCast(d32, hn::Set(d, factors[r]));
        sum[r][0] = Dot::add(sum[r][0], factor, weight0);
        sum[r][1] = Dot::add(sum[r][1], factor, weight1);
      }
    }
  }
  auto all = hn::Zero(d32);
  for (int r = 0; r < kRows; ++r) all = hn::Add(all, hn::Add(sum[r][0], sum[r][1]));
  hn::StoreU(hn::ConvertTo(d, all), d, numbers);
  return 2. * Dot::kProducts * kRows * 2 * rounds;
}

double default_byte_rounds(int rounds, float* numbers) {
  return byte_rounds<runtime::HWY_NAMESPACE::Dot>(rounds, numbers);
}

#if HWY_TARGET == HWY_AVX2
double vnni_byte_rounds(int rounds, float* numbers) {
  return byte_rounds<runtime::HWY_NAMESPACE::VexDot>(rounds, numbers);
}
#endif
#endif  // HWY_TARGET != HWY_SCALAR
}  // namespace oko::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace oko::runtime {

Peak::Loop Peak::byte_loop(SimdTarget target) {
#if HWY_ARCH_ARM_A64
  if (target == SimdTarget::kNeonI8mm) {
    return &HWY_NAMESPACE::byte_rounds<runtime::HWY_NAMESPACE::MatrixDot>;
  }
  if (target == SimdTarget::kNeonDotProd) {
    return &HWY_NAMESPACE::byte_rounds<runtime::HWY_NAMESPACE::SignedDot>;
  }
#endif
#if HWY_TARGETS & HWY_AVX2
  if (target == SimdTarget::kAvx2Vnni) return &N_AVX2::vnni_byte_rounds;
#endif
  OKO_SIMD_SELECT(target, default_byte_rounds);
  return nullptr;
}

}  // namespace oko::runtime
#endif

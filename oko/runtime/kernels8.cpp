#include "oko/runtime/kernels8.h"

#include <type_traits>
#include <utility>

#include "oko/base/simd_targets.h"

// AVX-512 without int8 dot products uses the AVX2 code. SSE4-only machines are not worth their code
// size: they run int8 in plain C++ and are better served by float32.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (OKO_SIMD_UNUSED | HWY_SSE4 | HWY_AVX3)
#define HWY_WANT_AVX3_DL
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "oko/runtime/kernels8.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "oko/base/simd_select.h"
#include "oko/runtime/int8-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oko::runtime::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR
#if HWY_ARCH_ARM_A64
const Kernels8& dot_table() { return table8<SignedDot>(); }
const Kernels8& matrix_table() { return table8<MatrixDot, SignedDot>(); }
#endif
#if HWY_ARCH_ARM
const Kernels8& byte_table() { return table8<Dot, LaneDot>(); }
#else
const Kernels8& byte_table() { return table8<Dot>(); }
#if HWY_TARGET == HWY_AVX2
const Kernels8& vnni_table() { return table8<VexDot>(); }
#endif
#endif
#endif
}  // namespace oko::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace oko::runtime {

const Kernels8& kernels8(SimdTarget target) {
#if HWY_ARCH_ARM_A64
  if (target == SimdTarget::kNeonI8mm) return HWY_NAMESPACE::matrix_table();
  if (target == SimdTarget::kNeonDotProd) return HWY_NAMESPACE::dot_table();
#endif
#if HWY_TARGETS & HWY_AVX2
  if (target == SimdTarget::kAvx2Vnni) return N_AVX2::vnni_table();
#endif
  OKO_SIMD_SELECT(target, byte_table());
  return scalar_kernels8();
}

}  // namespace oko::runtime
#endif

#include "oko/runtime/kernels.h"

#include <utility>

#include "oko/base/simd_targets.h"

// AVX3_DL adds nothing for floats.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (OKO_SIMD_UNUSED | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "oko/runtime/kernels.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "oko/base/simd_select.h"
#include "oko/runtime/activations-inl.h"
#include "oko/runtime/gemm-inl.h"
#include "oko/runtime/maps-inl.h"
#include "oko/runtime/winograd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oko::runtime::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

const Kernels& table() {
  static constexpr Kernels kTable{
      kLanes,           kMaxRows,   &gemm,       &widen_half, &winograd_input, &winograd_kernels,
      &winograd_output, &depthwise, &max_pool,   &interleave, &to_planes,      &add,
      &multiply,        &blend,     &zip<float>, &activate};
  return kTable;
}

#endif  // HWY_TARGET != HWY_SCALAR
}  // namespace oko::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace oko::runtime {

const Kernels& kernels(SimdTarget target) {
  OKO_SIMD_SELECT(target, table());
  return scalar_kernels();
}

}  // namespace oko::runtime
#endif

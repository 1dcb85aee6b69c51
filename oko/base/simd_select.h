// Chooses between the copies of a function that Highway's foreach_target.h compiled. Include after
// hwy/highway.h, in a file whose per-target code lies in HWY_NAMESPACE, and write
//
//   #if HWY_ONCE
//   const RowKernels& row_kernels(SimdTarget target) {
//     OKO_SIMD_SELECT(target, kernels());   // returns N_AVX2::kernels(), …
//     return scalar_kernels();
//   }
//   #endif
//
// The targets are those enabled by simd_targets.h. HWY_SCALAR is Highway's baseline on x86-64 and
// is not used: guard per-target code with #if HWY_TARGET != HWY_SCALAR.
#pragma once

#include "oko/base/simd.h"

#if HWY_TARGETS & HWY_AVX3_DL
#define OKO_SIMD_AVX512VNNI(t, call) \
  if (t == ::oko::SimdTarget::kAvx512Vnni) return N_AVX3_DL::call;
#else
#define OKO_SIMD_AVX512VNNI(t, call)
#endif
#if HWY_TARGETS & HWY_AVX3
#define OKO_SIMD_AVX512(t, call)                                                \
  if (t == ::oko::SimdTarget::kAvx512Vnni || t == ::oko::SimdTarget::kAvx512) { \
    return N_AVX3::call;                                                        \
  }
#else
#define OKO_SIMD_AVX512(t, call)
#endif
#if HWY_TARGETS & HWY_AVX2
#define OKO_SIMD_AVX2(t, call)                                                \
  if (t >= ::oko::SimdTarget::kAvx2 && t <= ::oko::SimdTarget::kAvx512Vnni) { \
    return N_AVX2::call;                                                      \
  }
#else
#define OKO_SIMD_AVX2(t, call)
#endif
#if HWY_TARGETS & HWY_SSE4
#define OKO_SIMD_SSE4(t, call) \
  if (t == ::oko::SimdTarget::kSse4) return N_SSE4::call;
#else
#define OKO_SIMD_SSE4(t, call)
#endif
// On Arm there is one copy, the static target's. This is the only place that has to do with its
// name, which depends on Highway's version and the compiler's flags: N_NEON, since 1.0.4
// N_NEON_WITHOUT_AES, since 1.2 N_NEON_BF16.
#if defined(__aarch64__) || defined(__arm__)
#if !HWY_ARCH_ARM || HWY_STATIC_TARGET == HWY_SCALAR
#error \
    "Highway has no NEON for this compiler's flags, all would run in plain C++: see oko_kernels()"
#endif
#define OKO_SIMD_NEON(t, call)                                              \
  if (t >= ::oko::SimdTarget::kNeon && t <= ::oko::SimdTarget::kNeonI8mm) { \
    return HWY_NAMESPACE::call;                                             \
  }
#else
#define OKO_SIMD_NEON(t, call)
#endif
#if HWY_TARGETS & HWY_WASM
#define OKO_SIMD_WASM(t, call) \
  if (t == ::oko::SimdTarget::kWasm) return N_WASM::call;
#else
#define OKO_SIMD_WASM(t, call)
#endif

// The best compiled copy that `target` can run: a file without AVX3_DL returns its AVX3 code.
#define OKO_SIMD_SELECT(target, call) \
  OKO_SIMD_AVX512VNNI(target, call)   \
  OKO_SIMD_AVX512(target, call)       \
  OKO_SIMD_AVX2(target, call)         \
  OKO_SIMD_SSE4(target, call)         \
  OKO_SIMD_NEON(target, call)         \
  OKO_SIMD_WASM(target, call)         \
  static_cast<void>(target)

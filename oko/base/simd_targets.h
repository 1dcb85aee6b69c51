// Which of Highway's targets are compiled. Include first, then disable those that a file does not
// need:
//
//   #include "oko/base/simd_targets.h"
//   #undef HWY_DISABLED_TARGETS
//   #define HWY_DISABLED_TARGETS (OKO_SIMD_UNUSED | HWY_AVX3_DL)
//
// The list names the targets in use, not the unused ones: newer versions of Highway have targets
// (SSE2, AVX3_ZEN4, …) that simd.h has no name for.
#pragma once

#if defined(__x86_64__)
// Machines with only SSE2 or SSSE3 use the scalar code.
#define OKO_SIMD_UNUSED (~(HWY_SCALAR | HWY_SSE4 | HWY_AVX2 | HWY_AVX3 | HWY_AVX3_DL))
#else
// The compiler's own target is the only one. On Arm that is NEON, however Highway divides it:
// 128-bit vectors with a length known at compile time.
#define HWY_COMPILE_ONLY_STATIC
#define OKO_SIMD_UNUSED (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#endif
#define HWY_DISABLED_TARGETS OKO_SIMD_UNUSED

// The baseline is HWY_SCALAR with every compiler: newer ones would otherwise get vectors without
// instructions.
#define HWY_BROKEN_EMU128 1

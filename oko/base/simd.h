#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace oko {

// Instruction sets that kernels are compiled for, slowest first: each x86 target includes the ones
// before it. kScalar is the plain C++ reference that every kernel is tested against.
enum class SimdTarget {
  kScalar,
  kSse4,
  kAvx2,
  kAvx2Vnni,
  kAvx512,
  kAvx512Vnni,
  kNeon,
  kNeonDotProd,
  kNeonI8mm,
  kWasm
};

// "scalar", "sse4", "avx2", "avx2vnni", "avx512", "avx512vnni", "neon", "neondot", "neoni8mm",
// "wasm".
const char* name_of(SimdTarget target);

// The targets this library has code for and this machine can run, best first; ends with kScalar.
std::span<const SimdTarget> simd_targets();
inline SimdTarget best_simd_target() { return simd_targets().front(); }

// One of simd_targets() by name.
std::optional<SimdTarget> simd_target_named(std::string_view name);

}  // namespace oko

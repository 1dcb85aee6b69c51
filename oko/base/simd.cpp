#include "oko/base/simd.h"

#include <cstddef>
#include <vector>
#if defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#elif (defined(__aarch64__) || defined(__arm__)) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#endif

namespace oko {
namespace {

// What an Arm processor has beyond what all of its kind have is asked of the system, which knows of
// big and little cores and of what a kernel hides. A system that is not asked here has none of it.
#if defined(__aarch64__)
#if defined(__APPLE__)
// Systems before iOS 15 and macOS 12 lack the names.
bool has_feature(const char* name) {
  int value = 0;
  std::size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value != 0;
}
#endif

// The dot product of bytes: Cortex-A55 and A76, Apple's A13, and later ones.
bool has_dot_product() {
#if defined(__APPLE__)
  return has_feature("hw.optional.arm.FEAT_DotProd");
#elif defined(__linux__)  // and Android
  constexpr unsigned long kAsimdDp = 1UL << 20;  // HWCAP_ASIMDDP of asm/hwcap.h
  return (getauxval(AT_HWCAP) & kAsimdDp) != 0;
#else
  return false;
#endif
}

// Products of 2x8 and 8x2 bytes: Cortex-A510, A710 and X2, Apple's A15 and M2, and later ones.
bool has_matrix_product() {
#if defined(__APPLE__)
  return has_feature("hw.optional.arm.FEAT_I8MM");
#elif defined(__linux__)
  constexpr unsigned long kI8mm = 1UL << 13;  // HWCAP2_I8MM
  return (getauxval(AT_HWCAP2) & kI8mm) != 0;
#else
  return false;
#endif
}
#elif defined(__arm__)
// The 32-bit kernels need vectors with fused multiply-add and half floats: Cortex-A8 and A9 lack
// them, A5, A7, A15 and all 64-bit processors have them.
bool has_neon() {
#if defined(__linux__)
  constexpr unsigned long kNeon = 1UL << 12, kVfp4 = 1UL << 16;  // HWCAP_NEON, HWCAP_VFPv4
  return (getauxval(AT_HWCAP) & (kNeon | kVfp4)) == (kNeon | kVfp4);
#else
  return false;
#endif
}
#endif

#if defined(__x86_64__)
// Clang 14's __builtin_cpu_supports() lacks it.
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

// The int8 dot product for processors without AVX-512 (Intel since Alder Lake, AMD since Zen 5).
bool has_avx_vnni() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kAvxVnni = 1U << 4;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & kAvxVnni) != 0;
}
#endif

std::vector<SimdTarget> detected() {
  std::vector<SimdTarget> targets;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool sse4 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul") &&
                    __builtin_cpu_supports("aes");
  const bool avx2 = sse4 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    has_f16c() && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
  const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni") &&
                    __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
                    __builtin_cpu_supports("avx512bitalg") &&
                    __builtin_cpu_supports("avx512vpopcntdq");
  if (vnni) targets.push_back(SimdTarget::kAvx512Vnni);
  if (avx512) targets.push_back(SimdTarget::kAvx512);
  if (avx2 && has_avx_vnni()) targets.push_back(SimdTarget::kAvx2Vnni);
  if (avx2) targets.push_back(SimdTarget::kAvx2);
  if (sse4) targets.push_back(SimdTarget::kSse4);
#elif defined(__aarch64__)
  const bool dot_product = has_dot_product();
  if (dot_product && has_matrix_product()) targets.push_back(SimdTarget::kNeonI8mm);
  if (dot_product) targets.push_back(SimdTarget::kNeonDotProd);
  targets.push_back(SimdTarget::kNeon);
#elif defined(__arm__)
  if (has_neon()) targets.push_back(SimdTarget::kNeon);
#elif defined(__wasm_simd128__)
  targets.push_back(SimdTarget::kWasm);
#endif
  targets.push_back(SimdTarget::kScalar);
  return targets;
}

}  // namespace

const char* name_of(SimdTarget target) {
  switch (target) {
    case SimdTarget::kScalar:
      return "scalar";
    case SimdTarget::kSse4:
      return "sse4";
    case SimdTarget::kAvx2:
      return "avx2";
    case SimdTarget::kAvx2Vnni:
      return "avx2vnni";
    case SimdTarget::kAvx512:
      return "avx512";
    case SimdTarget::kAvx512Vnni:
      return "avx512vnni";
    case SimdTarget::kNeon:
      return "neon";
    case SimdTarget::kNeonDotProd:
      return "neondot";
    case SimdTarget::kNeonI8mm:
      return "neoni8mm";
    case SimdTarget::kWasm:
      return "wasm";
  }
  return "";
}

std::span<const SimdTarget> simd_targets() {
  static const std::vector<SimdTarget> targets = detected();
  return targets;
}

std::optional<SimdTarget> simd_target_named(std::string_view name) {
  for (const SimdTarget target : simd_targets()) {
    if (name_of(target) == name) return target;
  }
  return std::nullopt;
}

}  // namespace oko

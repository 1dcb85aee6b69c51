#include "oko/train/device.h"

#include "oko/base/error.h"
#include "oko/base/threads.h"

namespace oko::train {

at::Device device_named(const std::string& name) {
  if (name == "cpu") return at::kCPU;
  if (name == "auto") return at::hasCUDA() ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  if (!name.starts_with("cuda")) {
    throw Error(ErrorCode::kUsage, "--device " + name, "no such device",
                "use auto, cpu, cuda or cuda:N");
  }
  if (!at::hasCUDA()) {
    throw Error(ErrorCode::kUsage, "--device " + name,
                "this LibTorch was built without CUDA, or the machine has no such GPU",
                "use --device cpu, or build oko with a CUDA LibTorch through CMAKE_PREFIX_PATH");
  }
  try {
    return name == "cuda" ? at::Device(at::kCUDA, 0) : at::Device(name);
  } catch (const c10::Error&) {
    throw Error(ErrorCode::kUsage, "--device " + name, "no such device", "use cuda or cuda:N");
  }
}

void use_threads(int threads) {
  at::set_num_threads(threads > 0 ? threads : available_processors());
}

bool has_native_bfloat16() {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

}  // namespace oko::train

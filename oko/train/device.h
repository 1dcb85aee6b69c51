#pragma once

#include <string>

#include "oko/train/aten.h"

namespace oko::train {

// "cpu", "cuda", "cuda:1" or "auto" (CUDA if this LibTorch and machine have it). Throws a usage
// Error for any other name or a missing device.
at::Device device_named(const std::string& name);

// How many cores LibTorch may use; 0: all. (Its own default is half of them.)
void use_threads(int threads);

// Whether this CPU multiplies bfloat16 natively (AVX-512 BF16 or AMX): only then is it faster.
bool has_native_bfloat16();

}  // namespace oko::train

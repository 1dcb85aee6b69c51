#pragma once

#include <string>

#include "oko/train/aten.h"

namespace oko::train {

// "cpu", "cuda", "cuda:1" or "auto" (CUDA where this LibTorch and machine have it). Throws a usage
// Error for another name or a device that is not there.
at::Device device_named(const std::string& name);

// How many processors LibTorch may use; 0: all. (Its own default is half of them.)
void use_threads(int threads);

// Lets the C library keep freed memory instead of giving every large map back to the system, whose
// page faults otherwise cost more than the arithmetic. Call once, before training.
void keep_freed_memory();

// Whether this processor multiplies bfloat16 natively (AVX-512 BF16 or AMX): only then is it
// faster.
bool has_native_bfloat16();

}  // namespace oko::train

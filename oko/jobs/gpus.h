#pragma once

#include <string_view>

#include "oko/cost/gpus.h"

namespace oko::jobs {

// The GPU of that name, however it is spelled ("nvidia-l4", "NVIDIA_TESLA_T4", "a100-80gb"):
// engines have their own names for it. Throws a usage Error at `place` with the nearest name if
// there is none.
const cost::Gpu& gpu_named(std::string_view name, std::string_view place = "--gpu-type");

}  // namespace oko::jobs

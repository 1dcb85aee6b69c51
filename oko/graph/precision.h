#pragma once

#include <array>
#include <string_view>

#include "oko/base/words.h"

namespace oko::graph {

// Of weights, and of the arithmetic that goes with them.
enum class Precision {
  kFloat32,
  kFloat16,  // kernels as float16, half the size: rounded to 11 bits
  kInt8,     // kernels as -127 to 127 times a scale per filter, a quarter of the size
};
constexpr auto words_of(Precision) {
  return std::to_array<std::string_view>({"fp32", "fp16", "int8"});
}

}  // namespace oko::graph

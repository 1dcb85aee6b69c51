#pragma once

#include <optional>
#include <string_view>

namespace oko::graph {

// Of weights, and of the arithmetic that goes with them.
enum class Precision {
  kFloat32,
  kFloat16,  // kernels as float16, half the size: rounded to 11 bits
  kInt8,     // kernels as -127 to 127 times a scale per filter, a quarter of the size
};
const char* name_of(Precision precision);  // "fp32", "fp16", "int8"
std::optional<Precision> precision_named(std::string_view name);

}  // namespace oko::graph

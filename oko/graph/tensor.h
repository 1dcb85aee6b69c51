#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/bytes.h"

namespace oko::graph {

enum class DType : std::uint8_t { kF32, kF16, kBF16, kI8, kU8, kI32, kI64 };

std::size_t size_of(DType type);
const char* name_of(DType type);  // safetensors' names: "F32", "I8", …
std::optional<DType> dtype_named(std::string_view name);

// A row-major tensor. The bytes are shared and immutable: copying is cheap, and a tensor of a
// memory-mapped file points into the file.
struct Tensor {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  Bytes data;  // at a multiple of size_of(dtype)

  std::int64_t count() const;  // product of shape
  // The values as float32. Asserts that the type is kF32 and the data complete.
  std::span<const float> floats() const;
  static Tensor of(std::vector<float> values, std::vector<std::int64_t> shape);
};

// "[32, 3, 3, 3]".
std::string to_string(std::span<const std::int64_t> shape);

// Weights by name, "<layer name>.<part>". Parts of a convolution, as in graph/network.h.
using Weights = std::map<std::string, Tensor, std::less<>>;

}  // namespace oko::graph

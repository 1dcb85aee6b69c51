#include "oko/graph/tensor.h"

#include <array>
#include <cassert>
#include <utility>

namespace oko::graph {
namespace {

struct TypeFacts {
  const char* name;
  std::size_t size;
};

// In the order of DType.
constexpr std::array<TypeFacts, 7> kTypes = {
    {{"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I8", 1}, {"U8", 1}, {"I32", 4}, {"I64", 8}}};

}  // namespace

std::size_t size_of(DType type) { return kTypes[static_cast<std::size_t>(type)].size; }

const char* name_of(DType type) { return kTypes[static_cast<std::size_t>(type)].name; }

std::optional<DType> dtype_named(std::string_view name) {
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    if (name == kTypes[i].name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

std::int64_t Tensor::count() const {
  std::int64_t product = 1;
  for (const std::int64_t side : shape) product *= side;
  return product;
}

std::span<const float> Tensor::floats() const {
  assert(dtype == DType::kF32);
  assert(data.size() == static_cast<std::size_t>(count()) * sizeof(float));
  assert(reinterpret_cast<std::uintptr_t>(data.data()) % alignof(float) == 0);
  return {reinterpret_cast<const float*>(data.data()), static_cast<std::size_t>(count())};
}

Tensor Tensor::of(std::vector<float> values, std::vector<std::int64_t> shape) {
  Tensor tensor{DType::kF32, std::move(shape), Bytes::own(std::move(values))};
  assert(tensor.data.size() == static_cast<std::size_t>(tensor.count()) * sizeof(float));
  return tensor;
}

std::string to_string(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (const std::int64_t side : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(side);
  }
  return text + "]";
}

}  // namespace oko::graph

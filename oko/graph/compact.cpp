#include "oko/graph/compact.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "oko/base/error.h"
#include "oko/base/half.h"

namespace oko::graph {
namespace {

constexpr std::string_view kKernel = ".kernel", kScale = ".kernel_scale";

Tensor to_halves(const Tensor& kernel) {
  std::vector<Half> halves;
  for (const float v : kernel.floats()) halves.push_back(to_half(v));
  return {DType::kF16, kernel.shape, Bytes::own(std::move(halves))};
}

// A kernel's filters are its outermost dimension.
std::pair<Tensor, Tensor> to_bytes(const Tensor& kernel) {
  const auto values = kernel.floats();
  const auto filters = static_cast<std::size_t>(kernel.shape.front());
  const std::size_t count = values.size() / filters;
  std::vector<std::int8_t> bytes(values.size());
  std::vector<float> scales(filters);
  for (std::size_t f = 0; f < filters; ++f) {
    const auto filter = values.subspan(f * count, count);
    float most = 0;
    for (const float v : filter) most = std::max(most, std::fabs(v));
    scales[f] = most / 127;
    const double factor = most > 0 ? 127. / most : 0;  // finite even for the smallest float
    for (std::size_t i = 0; i < count; ++i) {
      bytes[f * count + i] = static_cast<std::int8_t>(std::nearbyint(filter[i] * factor));
    }
  }
  const auto length = static_cast<std::int64_t>(filters);
  return {Tensor{DType::kI8, kernel.shape, Bytes::own(std::move(bytes))},
          Tensor::of(std::move(scales), {length})};
}

Tensor from_halves(const Tensor& kernel) {
  std::vector<float> values(static_cast<std::size_t>(kernel.count()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Half half;
    std::memcpy(&half, kernel.data.data() + i * sizeof half, sizeof half);
    values[i] = to_float(half);
  }
  return Tensor::of(std::move(values), kernel.shape);
}

Tensor from_bytes(const Tensor& kernel, std::span<const float> scales) {
  std::vector<float> values(static_cast<std::size_t>(kernel.count()));
  const auto* bytes = reinterpret_cast<const std::int8_t*>(kernel.data.data());
  const std::size_t count = scales.empty() ? 0 : values.size() / scales.size();
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(bytes[i]) * scales[i / count];
  }
  return Tensor::of(std::move(values), kernel.shape);
}

}  // namespace

void check_kernel(std::span<const float> kernel, Precision storage, const std::string& place) {
  if (storage == Precision::kFloat32) return;
  const bool half = storage == Precision::kFloat16;
  const float most = half ? kLargestHalf : std::numeric_limits<float>::max();
  const auto wrong =
      std::find_if(kernel.begin(), kernel.end(), [&](float v) { return !(std::fabs(v) <= most); });
  if (wrong == kernel.end()) return;
  std::array<char, 32> number{};
  std::snprintf(number.data(), number.size(), "%g", static_cast<double>(*wrong));
  const std::string message = "the kernel has " + std::string(number.data()) + " at " +
                              std::to_string(wrong - kernel.begin());
  if (std::isfinite(*wrong)) {
    throw input_error(place, message + "; float16 ends at 65504", "keep the weights as float32");
  }
  throw input_error(place, message, "use a checkpoint from before the training diverged");
}

Weights compacted(const Network& network, Precision storage) {
  Weights weights = network.weights;
  if (storage == Precision::kFloat32) return weights;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const std::string& layer = network.layers[i].name;
    const auto found = weights.find(layer + std::string(kKernel));
    if (found == weights.end()) continue;
    Tensor& kernel = found->second;
    check_kernel(kernel.floats(), storage, place_of(network, i));
    if (storage == Precision::kFloat16) {
      kernel = to_halves(kernel);
      continue;
    }
    auto [bytes, scales] = to_bytes(kernel);
    kernel = std::move(bytes);
    weights[layer + std::string(kScale)] = std::move(scales);
  }
  return weights;
}

void expand(Weights& weights, const std::string& place) {
  for (auto& [name, tensor] : weights) {
    if (!name.ends_with(kKernel) || tensor.dtype == DType::kF32) continue;
    if (tensor.dtype == DType::kF16) {
      tensor = from_halves(tensor);
      continue;
    }
    const std::string scale_name =
        name.substr(0, name.size() - kKernel.size()) + std::string(kScale);
    if (tensor.dtype != DType::kI8) {
      throw input_error(place, "the kernel " + name + " has type " + name_of(tensor.dtype) +
                                   "; supported are F32, F16 and I8");
    }
    const auto scale = weights.find(scale_name);
    const bool fits = scale != weights.end() && scale->second.dtype == DType::kF32 &&
                      !tensor.shape.empty() && scale->second.count() == tensor.shape.front();
    if (!fits) {
      throw input_error(place, "the kernel " + name + " is int8 but " + scale_name +
                                   " does not have a scale per filter");
    }
    tensor = from_bytes(tensor, scale->second.floats());
  }
  std::erase_if(weights, [](const auto& entry) { return entry.first.ends_with(kScale); });
}

}  // namespace oko::graph

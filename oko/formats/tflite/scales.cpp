#include "oko/formats/tflite/scales.h"

#include <algorithm>
#include <cmath>

#include "oko/runtime/map_scales.h"
#include "oko/runtime/quantization.h"

namespace oko::formats::tflite {
namespace {

using graph::Activation;

MapScale signed_scale(const runtime::Scale& scale) { return {scale.scale, scale.zero - 128}; }

// Beyond this a logistic function is almost saturated, and mish and swish are: within .003.
constexpr float kFar = 8;

// The input range for which an activation yields `after`.
runtime::Range before(Activation activation, const runtime::Range& after) {
  switch (activation) {
    case Activation::kLeaky: {
      // Values further below zero are off by a tenth of what is clamped, and all others get finer
      // steps.
      constexpr float kCut = 2;
      const float high = std::max(after.high, 0.F);
      const float low = std::min(after.low, 0.F) / graph::kLeakySlope;
      return {high > 0 ? std::max(low, -kCut * high) : low, high};
    }
    case Activation::kLogistic: {
      const auto inverse = [](float p) {
        return p <= 0 ? -kFar : p >= 1 ? kFar : std::clamp(std::log(p / (1 - p)), -kFar, kFar);
      };
      return {inverse(after.low), inverse(after.high)};
    }
    case Activation::kMish:
    case Activation::kSwish:
      return {-kFar, std::max(after.high, 1.F) + .5F};  // x · σ(x) > x - .28 where x > 0
    case Activation::kHardSigmoid:
      return {-3, 3};
    case Activation::kHardSwish:
      return {-3, std::max(after.high, 0.F) + .375F};  // x > 0 becomes at least x - .375
    case Activation::kElu:
      return {after.low < 0 ? std::log(std::max(1 + after.low, std::exp(-kFar))) : 0, after.high};
    case Activation::kTanh: {
      constexpr float kAlmostOne = .999F;
      return {std::atanh(std::max(after.low, -kAlmostOne)),
              std::atanh(std::min(after.high, kAlmostOne))};
    }
    default:
      return after;
  }
}

Activation activation_of(const graph::Operation& operation) {
  if (const auto* c = std::get_if<graph::Convolution>(&operation)) return c->activation;
  if (const auto* s = std::get_if<graph::Shortcut>(&operation)) return s->activation;
  if (const auto* p = std::get_if<graph::Product>(&operation)) return p->activation;
  return Activation::kLinear;
}

}  // namespace

MapScales map_scales(const graph::Network& network) {
  MapScales scales;
  for (const runtime::Scale& scale : runtime::scales_of(network)) {
    scales.maps.push_back(signed_scale(scale));
  }
  const auto quantization = runtime::quantization_of(network);
  for (const graph::Layer& layer : network.layers) {
    auto& sums = scales.sums.emplace_back();
    const Activation activation = activation_of(layer.operation);
    const bool fused = activation == Activation::kLinear || activation == Activation::kRelu ||
                       activation == Activation::kRelu6;
    const auto found = quantization->layers.find(layer.name);
    if (fused || found == quantization->layers.end()) continue;
    sums = signed_scale(runtime::scale_of(before(activation, found->second.output)));
  }
  return scales;
}

ByteKernel byte_kernel(std::span<const float> kernel, std::span<const float> bias, float input) {
  ByteKernel bytes;
  bytes.kernel.resize(kernel.size());
  const std::size_t filters = bias.size(), count = kernel.size() / filters;
  for (std::size_t f = 0; f < filters; ++f) {
    const auto part = kernel.subspan(f * count, count);
    double most = 0;
    for (const float value : part) most = std::max(most, std::fabs(static_cast<double>(value)));
    // Wide enough for the bias to fit 32 bits, with headroom for the sums.
    const double least = std::fabs(static_cast<double>(bias[f])) / input / 0x1p29;
    const auto scale = static_cast<float>(std::max({most / 127, least, 1e-12}));
    for (std::size_t k = 0; k < count; ++k) {
      const double byte = std::nearbyint(static_cast<double>(part[k]) / static_cast<double>(scale));
      bytes.kernel[f * count + k] = static_cast<std::int8_t>(std::clamp(byte, -127., 127.));
    }
    bytes.scales.push_back(scale);
    bytes.bias_scales.push_back(input * scale);
    bytes.bias.push_back(static_cast<std::int32_t>(
        std::nearbyint(static_cast<double>(bias[f]) / static_cast<double>(input * scale))));
  }
  return bytes;
}

}  // namespace oko::formats::tflite

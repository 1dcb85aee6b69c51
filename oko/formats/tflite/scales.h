#pragma once

#include <optional>
#include <vector>

#include "oko/formats/tflite/emit.h"
#include "oko/graph/network.h"

namespace oko::formats::tflite {

// The scales of an int8 network: of its input, of every layer's output, and of the tensor before a
// separate activation operator.
struct MapScales {
  std::vector<MapScale> maps;                 // [0] of the input, [i + 1] of layer i
  std::vector<std::optional<MapScale>> sums;  // of layer i, if it has such an activation
};

// From the ranges in the network's metadata. Throws an input Error if there are none.
MapScales map_scales(const graph::Network& network);

// A convolution's int8 weights: value = byte · scale of its filter; accumulators and the bias have
// the scale input · kernel.
struct ByteKernel {
  std::vector<std::int8_t> kernel;  // in the original order
  std::vector<std::int32_t> bias;
  std::vector<float> scales, bias_scales;  // of each filter
};
ByteKernel byte_kernel(std::span<const float> kernel, std::span<const float> bias, float input);

}  // namespace oko::formats::tflite

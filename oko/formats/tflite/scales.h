#pragma once

#include <optional>
#include <vector>

#include "oko/formats/tflite/emit.h"
#include "oko/graph/network.h"

namespace oko::formats::tflite {

// The scales of a network in bytes: of its input and of every layer's map, and of the map before an
// activation that is an operator of its own.
struct MapScales {
  std::vector<MapScale> maps;                 // [0] of the input, [i + 1] of layer i
  std::vector<std::optional<MapScale>> sums;  // of layer i, where it has such an activation
};

// From the ranges in the network's metadata. Throws an input Error where there are none.
MapScales map_scales(const graph::Network& network);

// A convolution's numbers in bytes: value = byte · scale of its filter; sums of bytes of the input
// times bytes of the kernel, and the bias, have the scale input · kernel.
struct ByteKernel {
  std::vector<std::int8_t> kernel;  // in the order it came
  std::vector<std::int32_t> bias;
  std::vector<float> scales, bias_scales;  // of each filter
};
ByteKernel byte_kernel(std::span<const float> kernel, std::span<const float> bias, float input);

}  // namespace oko::formats::tflite

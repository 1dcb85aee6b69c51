#pragma once

#include <string_view>
#include <vector>

#include "oko/graph/network.h"

namespace oko::graph {

// Part "kernel", "bias", "scale", … of a layer's weights. Throws an input Error if it is missing.
const Tensor& weight_of(const Network& network, const Layer& layer, std::string_view part);

// A convolution's weights with the batch norm multiplied in, float32.
struct Folded {
  std::vector<float> kernel;  // [filters, in/groups, size, size]
  std::vector<float> bias;    // [filters]
};
// Computed in double precision. The layer must be a convolution that has its weights.
Folded fold(const Network& network, int layer);

// The same function without training-only parts: batch norm is folded into the convolutions,
// dropout and routes that only rename a tensor are removed. Layers keep their names; shapes are
// inferred. This is what is exported to other model formats. Throws an input Error for a network
// without weights, and if two heads read the same tensor.
Network inference_form(const Network& network);

}  // namespace oko::graph

#pragma once

#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::formats {

// What runs badly on phones in a network, one line per kind: the first layer concerned and how many
// more there are, what it is, why it costs and what to use instead. Empty if there is nothing.
// Shapes must be inferred; weights are not read.
// The reasons come from what is published about the platforms:
// - Metal Performance Shaders (MPSNeuralNetwork's headers): images hold channels in slices of four;
//   each group of a grouped convolution has to have a multiple of four; depthwise convolutions have
//   as many filters as channels.
// - Core ML: the Neural Engine runs neither custom layers nor the any-rank ("ND") layers, and
//   each change of processor costs time (M. Hollemans, "The Neural Engine: what do we know about
//   it?"). Neither the neural network format nor TensorFlow Lite has swish or mish as one layer.
// - TensorFlow Lite: the GPU delegate has convolutions that are plain or depthwise, not grouped.
// - App Store and Google Play ask before downloading more than 200 MB over a mobile network.
std::vector<std::string> phone_warnings(const graph::Network& network);

}  // namespace oko::formats

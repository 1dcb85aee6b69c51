#pragma once

#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::formats {

// What phones dislike about a network, one line a kind: the first layer concerned and how many more
// there are, what it is, why it costs something and what to use in its place. Empty for a network
// that has nothing of it. Shapes must be inferred; weights are not looked at.
//
// The reasons are what is written about the platforms:
// - Metal Performance Shaders (MPSNeuralNetwork's headers): images hold channels in slices of four;
//   each group of a grouped convolution has to have a multiple of four; depthwise convolutions have
//   as many filters as channels.
// - Core ML: the Neural Engine runs neither custom layers nor the layers for any rank ("ND"), and
//   each change of processor costs time (M. Hollemans, "The Neural Engine: what do we know about
//   it?"). Neither the neural network format nor TensorFlow Lite has swish or mish as one layer.
// - TensorFlow Lite: the GPU delegate has convolutions that are plain or depthwise, not grouped.
// - App Store and Google Play ask before more than 200 MB come over a mobile network.
std::vector<std::string> phone_warnings(const graph::Network& network);

}  // namespace oko::formats

#pragma once

#include <map>
#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::runtime {

// The largest magnitude of each channel of the outputs of convolutions and shortcuts, by layer
// name.
using ChannelSizes = std::map<std::string, std::vector<float>>;

// Equalizes the magnitudes of a tensor's channels, so that one scale fits all: a channel's filter
// is multiplied and the weights that read it are divided by the same factor, which does not change
// what the network computes (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization
// and Bias Correction"). Done through linear, leaky and relu, and through layers without weights
// (pools, upsampling, concatenation, shuffles, sums), whose channels get one factor; a channel that
// a head or another kind of layer reads keeps its values. Complete if only depthwise convolutions
// read a channel (with a weight scale per channel); otherwise half-way, in logarithms, because it
// makes the readers' weights unequal instead.
void equalize(graph::Network& network, const ChannelSizes& sizes);

}  // namespace oko::runtime

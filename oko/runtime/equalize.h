#pragma once

#include <map>
#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::runtime {

// The largest magnitude of each channel of each convolution's output, by layer name.
using ChannelSizes = std::map<std::string, std::vector<float>>;

// Equalizes the magnitudes of a tensor's channels, so that one scale fits all: a channel's filter
// is multiplied and the weights that read it are divided by the same factor, which does not change
// what the network computes (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization
// and Bias Correction"). Done if a convolution is the only reader of another, through linear, leaky
// or relu. Complete if the reader is depthwise (with a weight scale per channel); otherwise
// half-way, in logarithms, because it makes the reader's weights unequal instead.
void equalize(graph::Network& network, const ChannelSizes& sizes);

}  // namespace oko::runtime

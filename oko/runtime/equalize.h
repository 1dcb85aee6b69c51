#pragma once

#include <map>
#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::runtime {

// The largest size of each channel of each convolution's map, by the layer's name.
using ChannelSizes = std::map<std::string, std::vector<float>>;

// Makes the channels of a map alike in size, so that one scale fits all: a channel's filter is
// multiplied and the weights that read it are divided by the same number, which changes nothing of
// what the network computes (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization
// and Bias Correction"). Done where one convolution alone reads another, through linear, leaky or
// relu. Full where the reader is depthwise (each channel has a weight scale of its own); else half
// the way, in logarithms, because the reader's weights become unlike instead.
void equalize(graph::Network& network, const ChannelSizes& sizes);

}  // namespace oko::runtime

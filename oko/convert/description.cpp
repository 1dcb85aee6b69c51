#include "oko/convert/description.h"

#include <algorithm>

#include "oko/formats/heads.h"

namespace oko::convert {
namespace {

// Whether the first thing a network does is to scale the image, channel by channel, as exported
// files do that hold no preprocessing.
bool scales_its_input(const graph::Network& network) {
  const auto* first = std::get_if<graph::Convolution>(&network.layers.front().operation);
  const int channels = network.input.channels;
  const auto reads = [](const graph::Layer& layer) {
    return std::ranges::count(layer.inputs, graph::kNetworkInput) > 0;
  };
  return first != nullptr && first->size == 1 && first->filters == channels &&
         first->groups == channels && std::ranges::count_if(network.layers, reads) == 1;
}

}  // namespace

std::string description_for(const graph::Network& file, const graph::Network& network) {
  return formats::describe(scales_its_input(file) ? without_scaling(network) : network);
}

graph::Network without_scaling(graph::Network network) {
  network.preprocess.mean = image::Preprocess{}.mean;
  network.preprocess.scale = image::Preprocess{}.scale;
  return network;
}

}  // namespace oko::convert

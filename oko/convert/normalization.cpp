#include "oko/convert/normalization.h"

#include <algorithm>
#include <string>
#include <utility>

#include "oko/formats/heads.h"
#include "oko/runtime/quantization.h"

namespace oko::convert {

graph::Network with_normalization_layer(graph::Network network) {
  const image::Preprocess preprocess = network.preprocess;
  if (!preprocess.normalizes()) return network;
  const int channels = network.input.channels;
  graph::Layer layer{formats::unused_name(network, "normalize"),
                     graph::Convolution{.filters = channels, .groups = channels},
                     {graph::kNetworkInput},
                     network.input};
  std::vector<float> kernel, bias;
  runtime::Range range;
  for (int c = 0; c < channels; ++c) {
    kernel.push_back(preprocess.scale[c]);
    bias.push_back(preprocess.normalized(0, c));
    for (const float pixel : {0.F, 1.F}) {
      range.low = std::min(range.low, preprocess.normalized(pixel, c));
      range.high = std::max(range.high, preprocess.normalized(pixel, c));
    }
  }
  network.weights[layer.name + ".kernel"] =
      graph::Tensor::of(std::move(kernel), {channels, 1, 1, 1});
  network.weights[layer.name + ".bias"] = graph::Tensor::of(std::move(bias), {channels});
  if (auto quantization = runtime::quantization_of(network)) {
    quantization->layers[layer.name] = {range, {}};
    runtime::set_quantization(network, *quantization);
  }
  for (graph::Layer& later : network.layers) {
    for (int& input : later.inputs) ++input;  // kNetworkInput becomes the new layer
  }
  for (graph::Output& output : network.raw_outputs) ++output.layer;
  network.layers.insert(network.layers.begin(), std::move(layer));
  network.preprocess.mean = image::Preprocess{}.mean;
  network.preprocess.scale = image::Preprocess{}.scale;
  return network;
}

}  // namespace oko::convert

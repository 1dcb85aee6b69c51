#include "oko/seal/mark/mark.h"

#include <cmath>

#include "oko/base/error.h"
#include "oko/graph/fold.h"

namespace oko::seal {

double deviation(std::span<const float> values) {
  double sum = 0, squares = 0;
  for (const double value : values) {
    sum += value;
    squares += value * value;
  }
  const auto count = static_cast<double>(values.size());
  const double mean = sum / count;
  return std::sqrt(std::max(0., squares / count - mean * mean));
}

std::vector<int> marked_layers(const graph::Network& network) {
  constexpr std::size_t kLeast = 512;  // weights: smaller kernels say little and are sensitive
  std::vector<int> layers;
  for (int i = 0; i < static_cast<int>(network.layers.size()); ++i) {
    const graph::Layer& layer = network.layers[static_cast<std::size_t>(i)];
    if (!std::holds_alternative<graph::Convolution>(layer.operation)) continue;
    const auto kernel = network.weights.find(layer.name + ".kernel");
    if (kernel == network.weights.end()) continue;
    if (kernel->second.floats().size() >= kLeast) layers.push_back(i);
  }
  return layers;
}

graph::Network marked(graph::Network network, const MarkKey& key, const std::string& customer,
                      const MarkOptions& options) {
  const std::vector<int> layers = marked_layers(network);
  if (layers.empty()) {
    throw input_error(network.name, "has no kernel of 512 weights or more to mark");
  }
  for (const int i : layers) {
    const graph::Layer& layer = network.layers[static_cast<std::size_t>(i)];
    graph::Tensor& kernel = network.weights.at(layer.name + ".kernel");
    const auto values = kernel.floats();
    std::vector<float> changed(values.begin(), values.end());
    const auto step = static_cast<float>(options.strength * deviation(values));
    const Chips chips(key, customer, layer.name, changed.size());
    for (std::size_t k = 0; k < changed.size(); ++k) changed[k] += step * chips[k];
    kernel = graph::Tensor::of(std::move(changed), kernel.shape);
  }
  return network;
}

}  // namespace oko::seal

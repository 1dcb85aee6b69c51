#include "oko/runtime/equalize.h"

#include <algorithm>
#include <cmath>

namespace oko::runtime {
namespace {

using graph::Activation;
using graph::Convolution;

// Commutes with scaling: f(s · x) = s · f(x) for s > 0.
bool is_homogeneous(Activation activation) {
  return activation == Activation::kLinear || activation == Activation::kLeaky ||
         activation == Activation::kRelu;
}

// The convolution that is the only reader of layer i, or -1.
int only_reader(const graph::Network& network, int i) {
  const std::vector<int> outputs = network.outputs();
  if (std::ranges::count(outputs, i) > 0) return -1;  // it is also an output
  int reader = -1;
  for (int j = 0; j < static_cast<int>(network.layers.size()); ++j) {
    for (const int from : network.layers[j].inputs) {
      if (from != i) continue;
      if (reader >= 0) return -1;
      reader = j;
    }
  }
  if (reader < 0) return -1;
  const graph::Layer& layer = network.layers[reader];
  return std::holds_alternative<Convolution>(layer.operation) ? reader : -1;
}

// A weight's values, to be changed and written back.
class Weight {
 public:
  Weight(graph::Network& network, const std::string& name)
      : tensor_(network.weights.find(name)->second) {
    const auto floats = tensor_.floats();
    values.assign(floats.begin(), floats.end());
  }
  ~Weight() { tensor_ = graph::Tensor::of(std::move(values), tensor_.shape); }
  Weight(const Weight&) = delete;
  Weight& operator=(const Weight&) = delete;
  std::vector<float> values;

 private:
  graph::Tensor& tensor_;
};

void scale_outputs(graph::Network& network, const graph::Layer& layer, std::span<const float> by) {
  const auto& c = std::get<Convolution>(layer.operation);
  Weight bias(network, layer.name + ".bias");
  Weight factor(network, layer.name + (c.batch_norm ? ".scale" : ".kernel"));
  const std::size_t count = factor.values.size() / by.size();
  for (std::size_t f = 0; f < by.size(); ++f) {
    bias.values[f] *= by[f];
    for (std::size_t k = f * count; k < (f + 1) * count; ++k) factor.values[k] *= by[f];
  }
}

// The index in a kernel [filters, in/groups, size, size] of each weight that reads a channel.
template <typename Body>
void for_readers(const Convolution& c, std::size_t channels, const Body& body) {
  const auto groups = static_cast<std::size_t>(c.groups);
  const auto filters = static_cast<std::size_t>(c.filters) / groups, depth = channels / groups;
  const auto taps = static_cast<std::size_t>(c.size * c.size);
  for (std::size_t f = 0; f < filters * groups; ++f) {
    for (std::size_t k = 0; k < depth; ++k) {
      const std::size_t channel = f / filters * depth + k;
      for (std::size_t t = 0; t < taps; ++t) body(channel, (f * depth + k) * taps + t);
    }
  }
}

void equalize_pair(graph::Network& network, const graph::Layer& layer, const graph::Layer& reader,
                   const std::vector<float>& sizes) {
  constexpr float kMost = 64;  // a nearly silent channel need not be amplified
  const auto& c = std::get<Convolution>(reader.operation);
  const bool depthwise = c.groups == static_cast<int>(sizes.size());
  Weight kernel(network, reader.name + ".kernel");
  std::vector<float> weight_sizes(sizes.size());
  for_readers(c, sizes.size(), [&](std::size_t channel, std::size_t i) {
    weight_sizes[channel] = std::max(weight_sizes[channel], std::fabs(kernel.values[i]));
  });
  std::vector<float> factors(sizes.size(), 1);
  float least = INFINITY;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (!(sizes[i] > 0) || !(weight_sizes[i] > 0)) continue;
    factors[i] = depthwise ? 1 / sizes[i] : std::sqrt(weight_sizes[i] / sizes[i]);
    least = std::min(least, factors[i]);
  }
  if (!std::isfinite(least)) return;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const bool silent = !(sizes[i] > 0) || !(weight_sizes[i] > 0);
    factors[i] = silent ? 1 : std::min(factors[i] / least, kMost);
  }
  for_readers(c, sizes.size(),
              [&](std::size_t channel, std::size_t i) { kernel.values[i] /= factors[channel]; });
  scale_outputs(network, layer, factors);
}

}  // namespace

void equalize(graph::Network& network, const ChannelSizes& sizes) {
  for (int i = 0; i < static_cast<int>(network.layers.size()); ++i) {
    const graph::Layer& layer = network.layers[i];
    const auto* convolution = std::get_if<Convolution>(&layer.operation);
    const auto found = sizes.find(layer.name);
    if (!convolution || !is_homogeneous(convolution->activation) || found == sizes.end()) continue;
    const int reader = only_reader(network, i);
    if (reader < 0) continue;
    equalize_pair(network, layer, network.layers[reader], found->second);
  }
}

}  // namespace oko::runtime

#include "oko/runtime/equalize.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "oko/runtime/map_scales.h"

namespace oko::runtime {
namespace {

using graph::Activation;
using graph::Convolution;

// Commutes with scaling: f(s · x) = s · f(x) for s > 0.
bool is_homogeneous(Activation activation) {
  return activation == Activation::kLinear || activation == Activation::kLeaky ||
         activation == Activation::kRelu;
}

std::size_t channels_of(const graph::Network& network, int i) {
  return static_cast<std::size_t>(graph::shape_of(network, i).channels);
}

// Which channels of which tensors must be scaled by the same factor, because no weights are between
// them: union-find over all channels of all layers' outputs. The first node stands for what cannot
// be scaled at all.
class Ties {
 public:
  explicit Ties(const graph::Network& network) : network_(network) {
    std::size_t count = 1;
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      first_.push_back(count);
      const bool head = graph::is_head(network.layers[i].operation);
      if (!head) count += channels_of(network, static_cast<int>(i));
    }
    parents_.resize(count);
    std::iota(parents_.begin(), parents_.end(), std::size_t{0});
    for (int i = 0; i < static_cast<int>(network.layers.size()); ++i) {
      std::visit([&](const auto& operation) { tie(i, operation); }, network.layers[i].operation);
    }
    for (const int i : network.outputs()) fix(i);
  }

  std::size_t count() const { return parents_.size(); }
  bool fixed(std::size_t set) { return set == find(0); }
  // The set of a channel, by its first node.
  std::size_t of(int layer, std::size_t channel) {
    return layer == graph::kNetworkInput ? find(0) : find(first_[layer] + channel);
  }

 private:
  std::size_t find(std::size_t i) {
    while (parents_[i] != i) i = parents_[i] = parents_[parents_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) { parents_[find(b)] = find(a); }
  void fix(int i) {
    if (i == graph::kNetworkInput || graph::is_head(network_.layers[i].operation)) return;
    for (std::size_t c = 0; c < channels_of(network_, i); ++c) join(0, first_[i] + c);
  }
  const std::vector<int>& inputs(int i) const { return network_.layers[i].inputs; }
  void join_inputs(int i) {  // channel by channel
    for (const int from : inputs(i)) {
      for (std::size_t c = 0; c < channels_of(network_, i); ++c) join(of(from, c), first_[i] + c);
    }
  }

  // Weights scale what they read and what they output.
  void tie(int i, const Convolution& c) {
    if (!is_homogeneous(c.activation)) fix(i);
  }
  void tie(int i, const graph::Shortcut& shortcut) {
    join_inputs(i);
    if (!is_homogeneous(shortcut.activation)) fix(i);
  }
  void tie(int i, const graph::MaxPool&) { join_inputs(i); }
  void tie(int i, const graph::AveragePool&) { join_inputs(i); }
  void tie(int i, const graph::Upsample&) { join_inputs(i); }
  void tie(int i, const graph::Bilinear&) { join_inputs(i); }
  void tie(int i, const graph::Dropout&) { join_inputs(i); }
  void tie(int i, const graph::Route& route) {
    std::size_t to = first_[i];
    for (const int from : inputs(i)) {
      const std::size_t count = channels_of(network_, from) / route.groups;
      for (std::size_t c = 0; c < count; ++c) join(of(from, route.group * count + c), to++);
    }
  }
  void tie(int i, const graph::Shuffle& shuffle) {
    const std::size_t groups = shuffle.groups, count = channels_of(network_, i) / groups;
    for (std::size_t c = 0; c < count * groups; ++c) {
      join(of(inputs(i).front(), c), first_[i] + c % count * groups + c / count);
    }
  }
  template <typename Other>
  void tie(int i, const Other&) {
    for (const int from : inputs(i)) fix(from);
    fix(i);
  }

  const graph::Network& network_;
  std::vector<std::size_t> first_;  // node of each layer's first channel
  std::vector<std::size_t> parents_;
};

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

// What decides a set's factor.
struct Needs {
  float size =
      0;  // largest magnitude, relative to that of the tensor with whose scale it is stored
  float weight = 0;  // largest of the weights that read it, relative to the largest of their filter
  bool shared_weights = false;  // a filter reads other channels too
};

void add_sizes(const graph::Network& network, const ChannelSizes& sizes, Ties& ties,
               std::vector<Needs>& needs) {
  const std::vector<std::size_t> tensors = shared_scales(network);  // the input's first
  std::vector<float> largest(tensors.size());
  const auto for_sizes = [&](const auto& body) {
    for (int i = 0; i < static_cast<int>(network.layers.size()); ++i) {
      const auto found = sizes.find(network.layers[i].name);
      if (found != sizes.end()) body(i, found->second, largest[tensors[i + 1]]);
    }
  };
  for_sizes([](int, const std::vector<float>& channels, float& most) {
    for (const float size : channels) most = std::max(most, size);
  });
  for_sizes([&](int i, const std::vector<float>& channels, float& most) {
    for (std::size_t c = 0; c < channels.size() && most > 0; ++c) {
      float& size = needs[ties.of(i, c)].size;
      size = std::max(size, channels[c] / most);
    }
  });
}

void add_weights(const graph::Network& network, int i, const Convolution& c, Ties& ties,
                 std::vector<Needs>& needs) {
  const int from = network.layers[i].inputs.front();
  if (from == graph::kNetworkInput) return;
  const auto kernel = network.weights.at(network.layers[i].name + ".kernel").floats();
  const std::size_t channels = channels_of(network, from);
  const std::size_t each = kernel.size() / static_cast<std::size_t>(c.filters);
  std::vector<float> largest(static_cast<std::size_t>(c.filters));
  for (std::size_t k = 0; k < kernel.size(); ++k) {
    largest[k / each] = std::max(largest[k / each], std::fabs(kernel[k]));
  }
  for_readers(c, channels, [&](std::size_t channel, std::size_t k) {
    Needs& need = needs[ties.of(from, channel)];
    if (largest[k / each] > 0) {
      need.weight = std::max(need.weight, std::fabs(kernel[k]) / largest[k / each]);
    }
    need.shared_weights |= c.groups != static_cast<int>(channels);
  });
}

float factor_of(const Needs& need) {
  constexpr float kMost = 64;  // a nearly silent channel need not be amplified
  if (!(need.size > 0) || !(need.weight > 0)) return 1;
  const float factor = need.shared_weights ? std::sqrt(need.weight / need.size) : 1 / need.size;
  return std::clamp(factor, 1 / kMost, kMost);
}

void rescale(graph::Network& network, int i, const Convolution& c,
             const std::function<float(int, std::size_t)>& factor) {
  const graph::Layer& layer = network.layers[i];
  const auto factors = [&](int of) {
    std::vector<float> all(of == graph::kNetworkInput ? 0 : channels_of(network, of));
    for (std::size_t k = 0; k < all.size(); ++k) all[k] = factor(of, k);
    return all;
  };
  const auto changes = [](const std::vector<float>& all) {
    return std::ranges::any_of(all, [](float f) { return f != 1; });
  };
  const std::vector<float> in = factors(layer.inputs.front()), out = factors(i);
  if (changes(in)) {
    Weight kernel(network, layer.name + ".kernel");
    for_readers(c, in.size(),
                [&](std::size_t channel, std::size_t k) { kernel.values[k] /= in[channel]; });
  }
  if (changes(out)) scale_outputs(network, layer, out);
}

}  // namespace

void equalize(graph::Network& network, const ChannelSizes& sizes) {
  Ties ties(network);
  std::vector<Needs> needs(ties.count());
  add_sizes(network, sizes, ties, needs);
  const auto for_convolutions = [&](const auto& body) {
    for (int i = 0; i < static_cast<int>(network.layers.size()); ++i) {
      const auto* c = std::get_if<Convolution>(&network.layers[i].operation);
      if (c) body(i, *c);
    }
  };
  for_convolutions([&](int i, const Convolution& c) { add_weights(network, i, c, ties, needs); });
  const auto factor = [&](int i, std::size_t channel) {
    const std::size_t set = ties.of(i, channel);
    return ties.fixed(set) ? 1.F : factor_of(needs[set]);
  };
  for_convolutions([&](int i, const Convolution& c) { rescale(network, i, c, factor); });
}

}  // namespace oko::runtime

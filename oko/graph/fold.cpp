#include "oko/graph/fold.h"

#include <cmath>
#include <set>
#include <utility>

#include "oko/base/error.h"

namespace oko::graph {

const Tensor& weight_of(const Network& network, const Layer& layer, std::string_view part) {
  const std::string name = layer.name + "." + std::string(part);
  const auto found = network.weights.find(name);
  if (found == network.weights.end()) {
    throw input_error("network", "the weight " + name + " is missing");
  }
  return found->second;
}

Folded fold(const Network& network, int layer) {
  const Layer& l = network.layers[layer];
  const auto& convolution = std::get<Convolution>(l.operation);
  const auto part = [&](const char* name) { return weight_of(network, l, name).floats(); };
  Folded folded;
  const auto kernel = part("kernel"), bias = part("bias");
  folded.kernel.assign(kernel.begin(), kernel.end());
  folded.bias.assign(bias.begin(), bias.end());
  if (!convolution.batch_norm) return folded;
  const BatchNorm& norm = *convolution.batch_norm;
  const auto scale = part("scale"), mean = part("mean"), variance = part("variance");
  const std::size_t filters = bias.size(), count = kernel.size() / filters;
  for (std::size_t f = 0; f < filters; ++f) {
    const double v = variance[f], epsilon = norm.epsilon;
    const double root = norm.epsilon_outside_root ? std::sqrt(v) + epsilon : std::sqrt(v + epsilon);
    const double factor = static_cast<double>(scale[f]) / root;
    folded.bias[f] = static_cast<float>(bias[f] - static_cast<double>(mean[f]) * factor);
    for (std::size_t k = f * count; k < (f + 1) * count; ++k) {
      folded.kernel[k] = static_cast<float>(folded.kernel[k] * factor);
    }
  }
  return folded;
}

namespace {

bool is_alias(const Layer& layer) {
  const auto* route = std::get_if<Route>(&layer.operation);
  return std::holds_alternative<Dropout>(layer.operation) ||
         (route != nullptr && route->groups == 1 && layer.inputs.size() == 1);
}

void check_heads(const Network& network) {
  std::set<int> read;
  for (const int head : network.heads()) {
    const Layer& layer = network.layers[head];
    if (read.insert(layer.inputs.front()).second) continue;
    throw input_error(place_of(network, static_cast<std::size_t>(head)),
                      "the head reads the same tensor as another one",
                      "give each head its own convolution");
  }
}

// Moves one convolution's weights from `network` to `to`, folded.
void fold_into(Network& to, const Network& network, int index) {
  Layer& layer = to.layers.back();
  auto& convolution = std::get<Convolution>(layer.operation);
  const auto part = [&](const char* name) { return layer.name + "." + name; };
  if (!convolution.batch_norm) {
    for (const char* name : {"kernel", "bias"}) {
      to.weights[part(name)] = weight_of(network, layer, name);
    }
    return;
  }
  Folded folded = fold(network, index);
  convolution.batch_norm.reset();
  to.weights[part("kernel")] =
      Tensor::of(std::move(folded.kernel), weight_of(network, layer, "kernel").shape);
  to.weights[part("bias")] = Tensor::of(std::move(folded.bias), {convolution.filters});
}

// The raw outputs of `network` at their new indices. An alias of another output is no longer a
// separate output.
template <typename Moved>
std::vector<Output> moved_outputs(const Network& network, std::size_t layers, const Moved& moved) {
  std::vector<Output> outputs = network.raw_outputs;
  if (!network.heads().empty()) return {};
  if (outputs.empty()) {
    const int last = moved(static_cast<int>(network.layers.size()) - 1);
    if (last + 1 == static_cast<int>(layers)) return {};
    outputs.push_back({static_cast<int>(network.layers.size()) - 1, "output"});
  }
  std::set<int> seen;
  for (Output& output : outputs) output.layer = moved(output.layer);
  std::erase_if(outputs, [&](const Output& o) { return !seen.insert(o.layer).second; });
  return outputs;
}

}  // namespace

Network inference_form(const Network& network) {
  if (network.weights.empty()) {
    throw input_error(network.name.empty() ? "network" : network.name, "the network has no weights",
                      "train it, or import its weights too");
  }
  check_weights(network);
  Network result = network;
  result.layers.clear();
  result.weights.clear();
  std::vector<int> place(network.layers.size());  // the index of each layer's output in the result
  const auto moved = [&](int from) { return from == kNetworkInput ? from : place[from]; };
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    if (is_alias(layer)) {
      place[i] = moved(layer.inputs.front());
      continue;
    }
    place[i] = static_cast<int>(result.layers.size());
    Layer& copy = result.layers.emplace_back(layer);
    for (int& from : copy.inputs) from = moved(from);
    if (std::holds_alternative<Convolution>(layer.operation)) {
      fold_into(result, network, static_cast<int>(i));
    }
  }
  result.raw_outputs = moved_outputs(network, result.layers.size(), moved);
  infer_shapes(result);
  check_heads(result);
  return result;
}

}  // namespace oko::graph

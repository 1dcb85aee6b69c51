#include "oko/formats/output_parts.h"

#include <algorithm>
#include <cmath>

namespace oko::formats {
namespace {

using graph::Convolution;
using graph::Layer;
using graph::Network;

void expand(const Network& network, std::size_t output, int index, std::vector<Part>& parts) {
  const Layer& layer = network.layers[index];
  const auto* route = std::get_if<graph::Route>(&layer.operation);
  const auto has_input = [](int from) { return from == graph::kNetworkInput; };
  if (route != nullptr && route->groups == 1 && std::ranges::none_of(layer.inputs, has_input)) {
    for (const int from : layer.inputs) expand(network, output, from, parts);
    return;
  }
  Part part{output, index, layer.output.channels, Passed::kNothing};
  const auto* convolution = std::get_if<Convolution>(&layer.operation);
  if (std::holds_alternative<graph::Softmax>(layer.operation) && !has_input(layer.inputs[0])) {
    part.layer = layer.inputs[0];
    part.passed = Passed::kSoftmax;
  } else if (convolution != nullptr && convolution->activation == graph::Activation::kLogistic) {
    part.passed = Passed::kSigmoid;
  }
  parts.push_back(part);
}

constexpr const char* kWeights[] = {".kernel", ".bias", ".scale", ".mean", ".variance"};

int add_layer(Network& network, Layer layer) {
  network.layers.push_back(std::move(layer));
  graph::infer_shape(network, network.layers.size() - 1);
  return static_cast<int>(network.layers.size()) - 1;
}

// A convolution that was made for an activation alone and changes nothing without it.
bool is_identity(const Network& network, const Layer& layer) {
  const auto& c = std::get<Convolution>(layer.operation);
  if (c.size != 1 || c.stride != 1 || c.groups != c.filters || c.batch_norm ||
      c.padding != graph::Padding{} || c.activation != graph::Activation::kLinear ||
      layer.inputs[0] == graph::kNetworkInput ||
      graph::shape_of(network, layer.inputs[0]).channels != c.filters) {
    return false;
  }
  const auto all = [&](const char* weight, float value) {
    return std::ranges::all_of(network.weights.at(layer.name + weight).floats(),
                               [&](float v) { return v == value; });
  };
  return all(".kernel", 1) && all(".bias", 0);
}

// The layer of a part's values before its sigmoid or softmax. The convolution with the sigmoid
// stays, for what else reads it; drop_unread() removes it if nothing does.
int raw_layer(Network& network, const Part& part) {
  if (part.passed != Passed::kSigmoid) return part.layer;
  const std::string name = network.layers[part.layer].name;
  Layer raw = network.layers[part.layer];
  std::get<Convolution>(raw.operation).activation = graph::Activation::kLinear;
  if (is_identity(network, raw)) return raw.inputs[0];
  raw.name = unused_name(network, name + ".raw");
  for (const char* weight : kWeights) {
    const auto found = network.weights.find(name + weight);
    if (found != network.weights.end()) network.weights[raw.name + weight] = found->second;
  }
  return add_layer(network, std::move(raw));
}

// The first channel of its input that a layer copies; -1 if it is not such a layer.
int first_channel(const Network& network, const Layer& layer) {
  if (const auto* slice = std::get_if<graph::Slice>(&layer.operation)) return slice->first;
  const auto* route = std::get_if<graph::Route>(&layer.operation);
  if (route == nullptr || layer.inputs.size() != 1) return -1;
  return graph::shape_of(network, layer.inputs[0]).channels / route->groups * route->group;
}

// The layer of which these are all parts, in order; -1 if there is none.
int whole_of(const Network& network, const std::vector<int>& layers) {
  int channels = 0;
  const int whole = network.layers[layers[0]].inputs.empty() ? graph::kNetworkInput
                                                             : network.layers[layers[0]].inputs[0];
  if (whole == graph::kNetworkInput) return -1;
  for (const int index : layers) {
    const Layer& layer = network.layers[index];
    if (layer.inputs[0] != whole || first_channel(network, layer) != channels) return -1;
    channels += layer.output.channels;
  }
  return channels == network.layers[whole].output.channels ? whole : -1;
}

}  // namespace

std::vector<Level> levels_of(const Imported& imported) {
  std::vector<Level> levels;
  for (std::size_t i = 0; i < imported.outputs.size(); ++i) {
    const graph::Shape& shape = imported.network.layers[imported.outputs[i]].output;
    const auto same = [&](const Level& level) {
      return level.shape.height == shape.height && level.shape.width == shape.width;
    };
    auto level = std::ranges::find_if(levels, same);
    if (level == levels.end()) {
      level = levels.insert(level, Level{{0, shape.height, shape.width}, {}});
    }
    expand(imported.network, i, imported.outputs[i], level->parts);
  }
  return levels;
}

std::vector<float> finished_values(const Part& part, const std::vector<float>& raw,
                                   const graph::Shape& shape) {
  std::vector<float> values = raw;
  if (part.passed == Passed::kSigmoid) {
    for (float& value : values) value = 1 / (1 + std::exp(-value));
  } else if (part.passed == Passed::kSoftmax) {
    const std::ptrdiff_t pixels = std::ptrdiff_t{shape.height} * shape.width;
    for (std::ptrdiff_t pixel = 0; pixel < pixels; ++pixel) {
      float sum = 0;
      for (std::ptrdiff_t i = pixel; i < std::ssize(values); i += pixels) {
        sum += values[i] = std::exp(values[i]);
      }
      for (std::ptrdiff_t i = pixel; i < std::ssize(values); i += pixels) values[i] /= sum;
    }
  }
  return values;
}

int joined_parts(Imported& imported, const Level& level, const std::vector<int>& order) {
  Network& network = imported.network;
  std::vector<int> layers;
  for (const int part : order) layers.push_back(raw_layer(network, level.parts[part]));
  if (layers.size() == 1) return layers[0];
  const int whole = whole_of(network, layers);
  if (whole >= 0) return whole;
  const std::string name = unused_name(network, network.layers[layers[0]].name + ".parts");
  return add_layer(network, Layer{name, graph::Route{}, layers, {}});
}

void drop_unread(Imported& imported) {
  Network& network = imported.network;
  std::vector<bool> wanted(network.layers.size(), false);
  for (const int output : imported.outputs) wanted[output] = true;
  for (std::size_t i = wanted.size(); i-- > 0;) {
    const Layer& layer = network.layers[i];
    if (graph::is_head(layer.operation)) wanted[i] = true;
    if (!wanted[i]) continue;
    for (const int from : layer.inputs) {
      if (from != graph::kNetworkInput) wanted[from] = true;
    }
  }
  std::vector<int> place(network.layers.size(), graph::kNetworkInput);
  std::vector<Layer> kept;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    Layer& layer = network.layers[i];
    if (!wanted[i]) {
      for (const char* weight : kWeights) network.weights.erase(layer.name + weight);
      continue;
    }
    for (int& from : layer.inputs) from = from == graph::kNetworkInput ? from : place[from];
    place[i] = static_cast<int>(kept.size());
    kept.push_back(std::move(layer));
  }
  network.layers = std::move(kept);
  for (int& output : imported.outputs) output = place[output];
}

}  // namespace oko::formats

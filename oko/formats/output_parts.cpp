#include "oko/formats/output_parts.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

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
  if (!parts.empty() && parts.back().output == output) {
    part.first = parts.back().first + parts.back().channels;
  }
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

// The rows of a tensor's first dimension at these indices.
graph::Tensor rows_at(const graph::Tensor& tensor, const std::vector<int>& rows) {
  const auto whole = static_cast<std::size_t>(tensor.shape.front());
  const std::size_t size = tensor.data.size() / whole;
  std::vector<std::byte> bytes;
  bytes.reserve(size * rows.size());
  for (const int row : rows) {
    const std::byte* first = tensor.data.data() + static_cast<std::size_t>(row) * size;
    bytes.insert(bytes.end(), first, first + size);
  }
  graph::Tensor result{tensor.dtype, tensor.shape, Bytes::own(std::move(bytes))};
  result.shape.front() = std::ssize(rows);
  return result;
}

// A layer with these channels of another one: a convolution with fewer filters, or one that copies.
int chosen_layer(Network& network, int from, const std::vector<int>& channels) {
  Layer layer = network.layers[from];
  const std::string source = layer.name;
  layer.name = unused_name(network, source + ".chosen");
  auto* convolution = std::get_if<Convolution>(&layer.operation);
  if (convolution != nullptr && convolution->groups == 1) {
    convolution->filters = static_cast<int>(channels.size());
    for (const char* weight : kWeights) {
      const auto found = network.weights.find(source + weight);
      if (found == network.weights.end()) continue;
      network.weights[layer.name + weight] = rows_at(found->second, channels);
    }
    return add_layer(network, std::move(layer));
  }
  const auto filters = std::ssize(channels), all = std::ptrdiff_t{layer.output.channels};
  std::vector<float> kernel(static_cast<std::size_t>(filters * all), 0.F);
  for (std::ptrdiff_t i = 0; i < filters; ++i) kernel[i * all + channels[i]] = 1;
  layer.operation = Convolution{.filters = static_cast<int>(filters)};
  layer.inputs = {from};
  network.weights[layer.name + ".kernel"] =
      graph::Tensor::of(std::move(kernel), {filters, all, 1, 1});
  network.weights[layer.name + ".bias"] =
      graph::Tensor::of(std::vector<float>(channels.size(), 0.F), {filters});
  return add_layer(network, std::move(layer));
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

// Levels of the same shape, as the last ones of an SSD, whose parts were taken for one level's: it
// has twice the parts of others. Parts are in the order of levels, or of kinds.
std::vector<Level> taken_apart(std::vector<Level> levels) {
  std::size_t least = SIZE_MAX;
  for (const Level& level : levels) least = std::min(least, level.parts.size());
  std::vector<Level> result;
  for (Level& level : levels) {
    const std::size_t times = least == 0 ? 1 : level.parts.size() / least;
    if (times < 2 || level.parts.size() != times * least) {
      result.push_back(std::move(level));
      continue;
    }
    const bool by_kind = level.parts[0].channels == level.parts[1].channels;
    for (std::size_t i = 0; i < times; ++i) {
      Level one{level.shape, {}};
      for (std::size_t k = 0; k < least; ++k) {
        one.parts.push_back(level.parts[by_kind ? k * times + i : i * least + k]);
      }
      result.push_back(std::move(one));
    }
  }
  return result;
}

// A file may compute its levels in an order that has nothing to do with that of its boxes.
void put_in_order(std::vector<Level>& levels) {
  const auto cells = [](const Level& level) {
    return std::int64_t{level.shape.height} * level.shape.width;
  };
  if (std::ranges::is_sorted(levels, {}, cells)) return;
  std::ranges::stable_sort(levels, std::greater<>(), cells);
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
  levels = taken_apart(std::move(levels));
  put_in_order(levels);
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

std::vector<float> chosen_values(const Chosen& chosen, const std::vector<float>& values,
                                 const graph::Shape& shape) {
  if (chosen.channels.empty()) return values;
  const std::ptrdiff_t plane = std::ptrdiff_t{shape.height} * shape.width;
  std::vector<float> result;
  for (const int channel : chosen.channels) {
    const auto first = values.begin() + channel * plane;
    result.insert(result.end(), first, first + plane);
  }
  return result;
}

int joined_parts(Imported& imported, const Level& level, const std::vector<Chosen>& chosen) {
  Network& network = imported.network;
  std::vector<int> layers;
  for (const Chosen& one : chosen) {
    const int raw = raw_layer(network, level.parts[one.part]);
    layers.push_back(one.channels.empty() ? raw : chosen_layer(network, raw, one.channels));
  }
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

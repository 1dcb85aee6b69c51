#include "oko/graph/cost.h"

#include <algorithm>

namespace oko::graph {
namespace {

std::int64_t bytes_of(const Shape& shape) {
  return shape.count() * static_cast<std::int64_t>(sizeof(float));
}

}  // namespace

std::vector<LayerCost> layer_costs(const Network& network) {
  std::vector<LayerCost> costs(network.layers.size());
  for (std::size_t i = 0; i < costs.size(); ++i) {
    costs[i].output_bytes = bytes_of(network.layers[i].output);
  }
  for (const WeightSpec& spec : weight_specs(network)) {
    const auto i = static_cast<std::size_t>(spec.layer);
    const std::int64_t count = Tensor{DType::kF32, spec.shape, {}}.count();
    costs[i].parameters += count;
    if (!spec.name.ends_with(".kernel")) continue;
    const Shape& out = network.layers[i].output;
    costs[i].flop = 2. * static_cast<double>(count) * out.height * out.width;
  }
  return costs;
}

LayerCost total_cost(const Network& network) {
  LayerCost total;
  for (const LayerCost& cost : layer_costs(network)) {
    total.parameters += cost.parameters;
    total.flop += cost.flop;
    total.output_bytes += cost.output_bytes;
  }
  return total;
}

std::int64_t peak_activation_bytes(const Network& network) {
  const std::size_t count = network.layers.size();
  // Tensors by producer, shifted by one: 0 is the network's input. An unread tensor is a result.
  std::vector<std::size_t> last_use(count + 1, count);
  for (std::size_t i = 0; i < count; ++i) {
    for (const int from : network.layers[i].inputs) {
      last_use[from + 1] = i;
    }
  }
  for (const int output : network.outputs()) last_use[output + 1] = count;
  std::int64_t alive = bytes_of(network.input), peak = alive;
  std::vector<std::vector<std::size_t>> freed_after(count + 1);
  for (std::size_t map = 0; map <= count; ++map) freed_after[last_use[map]].push_back(map);
  const auto bytes_of_map = [&](std::size_t map) {
    if (map == 0) return bytes_of(network.input);
    const Layer& layer = network.layers[map - 1];
    return is_head(layer.operation) ? 0 : bytes_of(layer.output);
  };
  for (std::size_t i = 0; i < count; ++i) {
    alive += bytes_of_map(i + 1);
    peak = std::max(peak, alive);
    for (const std::size_t map : freed_after[i]) alive -= bytes_of_map(map);
  }
  return peak;
}

}  // namespace oko::graph

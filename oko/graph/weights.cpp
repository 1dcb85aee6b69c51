#include <set>

#include "oko/base/error.h"
#include "oko/graph/network.h"

namespace oko::graph {

std::vector<WeightSpec> weight_specs(const Network& network) {
  std::vector<WeightSpec> specs;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    const auto* convolution = std::get_if<Convolution>(&layer.operation);
    if (!convolution) continue;
    const int channels = shape_of(network, layer.inputs.front()).channels;
    const auto add = [&](const char* part, std::vector<std::int64_t> shape) {
      specs.push_back({layer.name + part, std::move(shape), static_cast<int>(i)});
    };
    const std::int64_t n = convolution->filters, size = convolution->size;
    add(".bias", {n});
    if (convolution->batch_norm) {
      for (const char* part : {".scale", ".mean", ".variance"}) add(part, {n});
    }
    add(".kernel", {n, channels / convolution->groups, size, size});
  }
  return specs;
}

void check_weights(const Network& network) {
  std::set<std::string_view> known;
  const std::vector<WeightSpec> specs = weight_specs(network);
  for (const WeightSpec& spec : specs) {
    const auto place = [&] { return place_of(network, static_cast<std::size_t>(spec.layer)); };
    known.insert(spec.name);
    const auto found = network.weights.find(spec.name);
    if (found == network.weights.end()) {
      throw input_error(place(), "the weight " + spec.name + " is missing");
    }
    const Tensor& tensor = found->second;
    if (tensor.shape != spec.shape) {
      throw input_error(place(), "the weight " + spec.name + " has shape " +
                                     to_string(tensor.shape) + ", the layer needs " +
                                     to_string(spec.shape));
    }
    if (tensor.dtype != DType::kF32) {
      throw input_error(place(), "the weight " + spec.name + " has type " + name_of(tensor.dtype) +
                                     ", the layer needs F32");
    }
  }
  for (const auto& [name, tensor] : network.weights) {
    if (!known.contains(name)) {
      throw input_error("network", "the weight " + name + " belongs to no layer");
    }
  }
}

}  // namespace oko::graph

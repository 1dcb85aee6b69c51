#include "oko/graph/dilation.h"

#include "oko/base/error.h"

namespace oko::graph {
namespace {

Tensor spread(const Tensor& kernel, int size, int dilation) {
  const std::span<const float> taps = kernel.floats();
  const int reach = (size - 1) * dilation + 1;
  const std::size_t planes = taps.size() / static_cast<std::size_t>(size * size);
  std::vector<float> values(planes * static_cast<std::size_t>(reach * reach));
  for (std::size_t plane = 0; plane < planes; ++plane) {
    for (int y = 0; y < size; ++y) {
      for (int x = 0; x < size; ++x) {
        values[plane * static_cast<std::size_t>(reach * reach) +
               static_cast<std::size_t>(y * dilation * reach + x * dilation)] =
            taps[plane * static_cast<std::size_t>(size * size) +
                 static_cast<std::size_t>(y * size + x)];
      }
    }
  }
  return Tensor::of(std::move(values), {kernel.shape[0], kernel.shape[1], reach, reach});
}

}  // namespace

Network undilated(Network network) {
  constexpr std::int64_t kMostValues = std::int64_t{1}
                                       << 26;  // a file of a few bytes may ask for more
  std::int64_t values = 0;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    Layer& layer = network.layers[i];
    auto* convolution = std::get_if<Convolution>(&layer.operation);
    if (convolution == nullptr || convolution->dilation == 1) continue;
    const std::int64_t reach = convolution->reach();
    const std::int64_t depth =
        shape_of(network, layer.inputs.front()).channels / convolution->groups;
    values += reach * reach * depth * convolution->filters;
    if (values > kMostValues) {
      throw input_error(place_of(network, i), "the dilated kernels are too large for this engine");
    }
    const auto kernel = network.weights.find(layer.name + ".kernel");
    if (kernel != network.weights.end()) {
      kernel->second = spread(kernel->second, convolution->size, convolution->dilation);
    }
    convolution->size = convolution->reach();
    convolution->dilation = 1;
  }
  return network;
}

}  // namespace oko::graph

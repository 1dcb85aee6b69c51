#include "oko/graph/synthetic.h"

#include <cmath>
#include <cstdint>
#include <utility>

namespace oko::graph {

void fill_synthetic_weights(Network& network, double gain) {
  std::uint32_t state = 12345;
  const auto next = [&] {  // in [-1, 1)
    state = 1664525U * state + 1013904223U;
    return static_cast<double>(state >> 8) / 0x1p24 * 2 - 1;
  };
  for (const WeightSpec& spec : weight_specs(network)) {
    std::size_t count = 1;
    for (const std::int64_t side : spec.shape) count *= static_cast<std::size_t>(side);
    std::vector<float> values(count);
    const double inputs = static_cast<double>(count) / static_cast<double>(spec.shape[0]);
    for (float& v : values) {
      const double u = next();
      v = static_cast<float>(spec.name.ends_with(".kernel")     ? u * gain * std::sqrt(6 / inputs)
                             : spec.name.ends_with(".scale")    ? 1 + .1 * u
                             : spec.name.ends_with(".variance") ? 1 + .5 * u
                                                                : .1 * u);
    }
    network.weights[spec.name] = Tensor::of(std::move(values), spec.shape);
  }
}

}  // namespace oko::graph

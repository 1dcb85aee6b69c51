#pragma once

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "oko/base/random.h"
#include "oko/graph/network.h"

// For tests: weights and inputs.
namespace oko::runtime {

// Infers shapes, and adds weights from the seed that keep activations near ±1.
inline graph::Network with_weights(graph::Network network, std::uint64_t seed) {
  graph::infer_shapes(network);
  Random random(seed);
  for (const auto& spec : graph::weight_specs(network)) {
    std::int64_t count = 1;
    for (const std::int64_t side : spec.shape) count *= side;
    std::vector<float> values(static_cast<std::size_t>(count));
    const double size = 1.7 / std::sqrt(static_cast<double>(count / spec.shape[0]));
    for (float& v : values) {
      const double u = random.uniform(-1, 1);
      v = static_cast<float>(spec.name.ends_with(".kernel")     ? u * size
                             : spec.name.ends_with(".scale")    ? 1 + .3 * u
                             : spec.name.ends_with(".variance") ? 1 + .5 * u
                                                                : .2 * u);
    }
    network.weights[spec.name] = graph::Tensor::of(std::move(values), spec.shape);
  }
  return network;
}

inline std::vector<float> random_numbers(std::size_t count, std::uint64_t seed, double low = 0,
                                         double high = 1) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(random.uniform(low, high));
  return values;
}

}  // namespace oko::runtime

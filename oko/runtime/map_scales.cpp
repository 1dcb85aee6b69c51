#include "oko/runtime/map_scales.h"

#include <algorithm>
#include <numeric>

#include "oko/base/error.h"

namespace oko::runtime {
namespace {

// Union-find over the input and all layers.
class Sets {
 public:
  explicit Sets(std::size_t count) : parents_(count) {
    std::iota(parents_.begin(), parents_.end(), std::size_t{0});
  }
  std::size_t find(std::size_t i) {
    while (parents_[i] != i) i = parents_[i] = parents_[parents_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) { parents_[find(b)] = find(a); }

 private:
  std::vector<std::size_t> parents_;
};

// Of all values that pixels become.
Range input_range(const image::Preprocess& preprocess) {
  Range range{preprocess.normalized(0, 0), preprocess.normalized(0, 0)};
  for (int c = 0; c < 3; ++c) {
    for (const float pixel : {0.F, 1.F}) {
      const float value = preprocess.normalized(pixel, c);
      range.low = std::min(range.low, value);
      range.high = std::max(range.high, value);
    }
  }
  return range;
}

}  // namespace

bool keeps_bytes(const graph::Operation& operation) {
  return std::visit(
      []<typename T>(const T&) {
        return requires { T::kCopiesValues; };
      },
      operation);
}

std::vector<std::size_t> shared_scales(const graph::Network& network) {
  Sets sets(network.layers.size() + 1);
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    if (!keeps_bytes(network.layers[i].operation)) continue;
    for (const int from : network.layers[i].inputs) {
      sets.join(i + 1, static_cast<std::size_t>(from + 1));
    }
  }
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i <= network.layers.size(); ++i) numbers.push_back(sets.find(i));
  return numbers;
}

std::vector<Scale> scales_of(const graph::Network& network) {
  const auto quantization = quantization_of(network);
  if (!quantization) {
    throw input_error(network.name, "the network was not quantized", "run oko quantize on it");
  }
  const std::size_t count = network.layers.size() + 1;
  const std::vector<std::size_t> sets = shared_scales(network);
  std::vector<Range> ranges(count);
  ranges[0] = input_range(network.preprocess);
  for (std::size_t i = 0; i + 1 < count; ++i) {
    const graph::Layer& layer = network.layers[i];
    if (graph::is_head(layer.operation) || keeps_bytes(layer.operation)) continue;
    const auto found = quantization->layers.find(layer.name);
    if (found == quantization->layers.end()) {
      throw input_error(graph::place_of(network, i), "the quantization has no range for this layer",
                        "run oko quantize again");
    }
    ranges[i + 1] = found->second.output;
  }
  std::vector<Range> joined(count);
  for (std::size_t i = 0; i < count; ++i) {
    Range& range = joined[sets[i]];
    range = {std::min(range.low, ranges[i].low), std::max(range.high, ranges[i].high)};
  }
  std::vector<Scale> scales(count);
  for (std::size_t i = 0; i < count; ++i) scales[i] = scale_of(joined[sets[i]]);
  return scales;
}

}  // namespace oko::runtime

#include "oko/formats/phone_warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "oko/graph/cost.h"

namespace oko::formats {
namespace {

using graph::Layer;
using graph::Network;
using graph::Shape;

constexpr int kSlice = 4;                 // channels per slice of a GPU image
constexpr int kFastKernel = 7;            // the largest with optimized code in phone libraries
constexpr int kFastPool = 5;              // larger ones with stride 1 can be made of 3x3 and 5x5
constexpr double kHeavyShare = .02;       // of the work: below it a layer's waste does not matter
constexpr double kFrameFlop = 20e9;       // 30 frames a second: 0.6 TFLOP/s
constexpr double kMapBytes = 48e6;        // float32
constexpr double kDownloadBytes = 200e6;  // of an app over a mobile network without asking

// A network with what several checks need.
struct Looked {
  const Network& network;
  std::vector<graph::LayerCost> costs = graph::layer_costs(network);
  graph::LayerCost total = graph::total_cost(network);

  Shape input(const Layer& layer) const { return graph::shape_of(network, layer.inputs.front()); }
  bool heavy(std::size_t layer) const { return costs[layer].flop > kHeavyShare * total.flop; }
};

template <typename Operation>
const Operation* as(const Layer& layer) {
  return std::get_if<Operation>(&layer.operation);
}

bool is_depthwise(const graph::Convolution& c, const Shape& input) {
  return c.groups == input.channels;
}

bool has_activation(const Layer& layer, graph::Activation activation) {
  const auto* convolution = as<graph::Convolution>(layer);
  const auto* shortcut = as<graph::Shortcut>(layer);
  return (convolution && convolution->activation == activation) ||
         (shortcut && shortcut->activation == activation);
}

bool is_lopsided_pool(const Looked&, const Layer& layer, std::size_t) {
  const auto* pool = as<graph::MaxPool>(layer);
  return pool && pool->stride == 1 &&
         (pool->padding.top != pool->padding.bottom || pool->padding.left != pool->padding.right);
}

bool is_large_pool(const Looked&, const Layer& layer, std::size_t) {
  const auto* pool = as<graph::MaxPool>(layer);
  return pool && pool->stride == 1 && pool->size > kFastPool;
}

bool has_large_kernel(const Looked&, const Layer& layer, std::size_t) {
  const auto* c = as<graph::Convolution>(layer);
  return c && c->size > kFastKernel;
}

bool is_grouped(const Looked& looked, const Layer& layer, std::size_t) {
  const auto* c = as<graph::Convolution>(layer);
  return c && c->groups > 1 && !is_depthwise(*c, looked.input(layer));
}

bool multiplies_channels(const Looked& looked, const Layer& layer, std::size_t) {
  const auto* c = as<graph::Convolution>(layer);
  const Shape input = looked.input(layer);
  return c && c->groups > 1 && is_depthwise(*c, input) && c->filters != input.channels;
}

// Only where the waste matters, and not for a head's output, whose channels follow from the
// classes.
bool wastes_slices(const Looked& looked, const Layer& layer, std::size_t index) {
  const auto* c = as<graph::Convolution>(layer);
  const std::vector<int> outputs = looked.network.outputs();
  const bool leaves = std::ranges::find(outputs, static_cast<int>(index)) != outputs.end();
  return c && !leaves && c->filters % kSlice != 0 && looked.heavy(index);
}

// A window whose stride does not divide its input: formats that only have "same" padding differ in
// where they put the odd pixel.
bool strides_over_odd_map(const Looked& looked, const Layer& layer, std::size_t) {
  const auto* c = as<graph::Convolution>(layer);
  const auto* pool = as<graph::MaxPool>(layer);
  const int stride = c ? c->stride : pool ? pool->stride : 1;
  const Shape input = looked.input(layer);
  return stride > 1 && (input.width % stride != 0 || input.height % stride != 0);
}

bool has_softmax_head(const Looked&, const Layer& layer, std::size_t) {
  const auto* region = as<graph::Region>(layer);
  return region && region->softmax;
}

bool has_huge_map(const Looked&, const Layer& layer, std::size_t) {
  return 4. * static_cast<double>(layer.output.count()) > kMapBytes;
}

struct Check {
  std::function<bool(const Looked&, const Layer&, std::size_t)> applies;
  const char* warning;
};

auto with_activation(graph::Activation activation) {
  return [=](const Looked&, const Layer& layer, std::size_t) {
    return has_activation(layer, activation);
  };
}

const std::vector<Check>& checks() {
  static const std::vector<Check> all{
      {is_lopsided_pool,
       "a pool with stride 1 is padded on one side only; converters and hand-written Metal code "
       "shift it by a pixel (oko's files are right; a 3x3 window padded by 1 is safe everywhere)"},
      {is_large_pool,
       "a large pool with stride 1 reads every pixel of its window and may fall off the Neural "
       "Engine (chained 5x5 pools give the same values: two make 9x9, three 13x13)"},
      {has_large_kernel,
       "a kernel above 7x7 has no optimized code in phone libraries (use several 3x3 layers)"},
      {is_grouped,
       "a grouped convolution runs neither on TensorFlow Lite's GPU delegate nor, unless each "
       "group has a multiple of 4 channels, on Metal (use plain or depthwise ones)"},
      {multiplies_channels,
       "a depthwise convolution with more filters than channels is written as a full one for "
       "Metal, mostly zeros (use as many filters as channels)"},
      {with_activation(graph::Activation::kMish),
       "mish is not a single operation in Core ML, TensorFlow Lite and Metal but softplus, tanh "
       "and a product, each a pass over the tensor (use leaky or relu6, and retrain)"},
      {with_activation(graph::Activation::kSwish),
       "swish is not a single operation in Core ML's neural networks, TensorFlow Lite and Metal "
       "but a sigmoid and a product, each a pass over the tensor (relu6 costs nothing)"},
      {wastes_slices,
       "filters are not a multiple of 4: GPUs store channels in slices of four and waste the rest "
       "(round up)"},
      {strides_over_odd_map,
       "a stride does not divide its input size: formats differ in where they put the odd pixel "
       "(use an input size that all strides divide, usually a multiple of 32)"},
      {has_softmax_head,
       "softmax over each anchor's classes needs rank-5 tensors inside the model, which the Neural "
       "Engine does not run (export the raw heads; the generated wrapper decodes them)"},
      {has_huge_map,
       "the output takes more than 48 MB in float32: memory traffic, not arithmetic, will dominate "
       "(use a stride in the first layer, or a smaller input)"},
  };
  return all;
}

std::string line_of(const Layer& first, int more, const char* warning) {
  return first.name + (more > 0 ? fmt::format(" and {} more", more) : "") + ": " + warning;
}

void warn_of_totals(const Looked& looked, std::vector<std::string>& warnings) {
  if (looked.total.flop > kFrameFlop) {
    warnings.push_back(
        fmt::format("the whole network: {:.0f} GFLOP per image are {:.1f} TFLOP/s at 30 images per "
                    "second, more than phones sustain (use a smaller network or input)",
                    looked.total.flop / 1e9, looked.total.flop * 30 / 1e12));
  }
  const double bytes = 4. * static_cast<double>(looked.total.parameters);
  if (bytes > kDownloadBytes) {
    warnings.push_back(fmt::format(
        "the whole network: {:.0f} MB of weights in float32; app stores ask before downloading "
        "more than 200 MB over a mobile network (float16: {:.0f} MB, int8: {:.0f} MB)",
        bytes / 1e6, bytes / 2e6, bytes / 4e6));
  }
}

}  // namespace

std::vector<std::string> phone_warnings(const Network& network) {
  const Looked looked{network};
  std::vector<std::string> warnings;
  for (const Check& check : checks()) {
    const Layer* first = nullptr;
    int count = 0;
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      if (!check.applies(looked, network.layers[i], i)) continue;
      if (count++ == 0) first = &network.layers[i];
    }
    if (count > 0) warnings.push_back(line_of(*first, count - 1, check.warning));
  }
  warn_of_totals(looked, warnings);
  return warnings;
}

}  // namespace oko::formats

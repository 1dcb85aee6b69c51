#include "oko/train/module.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "oko/graph/interpolation.h"
#include "oko/train/batch_norm.h"
#include "oko/train/batch_norm_activate.h"
#include "oko/train/depthwise.h"
#include "oko/train/dropout.h"
#include "oko/train/few_channels.h"
#include "oko/train/map_runs.h"
#include "oko/train/max_pool.h"
#include "oko/train/pointwise.h"
#include "oko/train/winograd.h"

namespace oko::train {
namespace {

const double kMinusInfinity = -std::numeric_limits<double>::infinity();

// Works in place: every caller owns x.
at::Tensor activate(at::Tensor x, graph::Activation activation) {
  switch (activation) {
    case graph::Activation::kLinear:
      return x;
    case graph::Activation::kLeaky:
      return at::leaky_relu_(x, graph::kLeakySlope);
    case graph::Activation::kRelu:
      return at::relu_(x);
    case graph::Activation::kRelu6:
      return at::clamp(x, 0, 6);
    case graph::Activation::kLogistic:
      return at::sigmoid(x);
    case graph::Activation::kMish:
      return at::mish(x);
    case graph::Activation::kSwish:
      return at::silu(x);
    case graph::Activation::kHardSigmoid:
      return at::hardsigmoid(x);
    case graph::Activation::kHardSwish:
      return at::hardswish(x);
    case graph::Activation::kElu:
      return at::elu(x);
    case graph::Activation::kTanh:
      return at::tanh(x);
  }
  return x;
}

// The negative slope of an activation, if that is all it does.
std::optional<double> slope_of(graph::Activation activation) {
  switch (activation) {
    case graph::Activation::kLinear:
      return 1;
    case graph::Activation::kLeaky:
      return graph::kLeakySlope;
    case graph::Activation::kRelu:
      return 0;
    default:
      return std::nullopt;
  }
}

// Output rows or columns of windows sliding over `length`. Computed from the actual tensor, since
// with multi-scale training a batch may differ from the network's input size.
int outputs_of(std::int64_t length, int before, int after, int size, int stride) {
  return (static_cast<int>(length) + before + after - size) / stride + 1;
}

// Padding rows or columns at the end that windows actually read (Darknet's cfgs often ask for more
// than is used).
int padding_used(std::int64_t length, int before, int size, int stride, int outputs) {
  return (outputs - 1) * stride + size - before - static_cast<int>(length);
}

// The symmetric padding that the convolution does itself, after padding explicitly what it cannot.
struct Padded {
  at::Tensor x;
  std::int64_t rows, columns;
  int height, width;  // of the result
};
Padded pad(const at::Tensor& x, const graph::Padding& padding, int size, int stride, double value) {
  const int height = outputs_of(x.size(2), padding.top, padding.bottom, size, stride);
  const int width = outputs_of(x.size(3), padding.left, padding.right, size, stride);
  const int bottom = padding_used(x.size(2), padding.top, size, stride, height);
  const int right = padding_used(x.size(3), padding.left, size, stride, width);
  if (bottom <= padding.top && right <= padding.left) {
    return {x, padding.top, padding.left, height, width};
  }
  return {at::constant_pad_nd(
              x, {padding.left, std::max(0, right), padding.top, std::max(0, bottom)}, value),
          0, 0, height, width};
}

at::Tensor convolution(const graph::Convolution& conv, const at::Tensor& x,
                       const at::Tensor& kernel, const at::Tensor& bias) {
  const Padded padded = pad(x, conv.padding, conv.reach(), conv.stride, 0);
  const bool even = padded.rows == padded.columns && padded.rows < conv.size;
  at::Tensor y;
  if (even && has_winograd(conv, padded.x)) {
    y = convolve_winograd(padded.x, kernel, static_cast<int>(padded.rows));
  } else if (even && has_few_channels(conv, padded.x)) {
    y = convolve_few_channels(padded.x, kernel, conv.stride, padded.rows);
  } else if (has_pointwise(conv, padded.x)) {
    y = convolve_pointwise(padded.x, kernel);
  } else if (even && has_depthwise(conv, padded.x)) {
    y = convolve_depthwise(padded.x, kernel, conv.stride, padded.rows);
  }
  if (y.defined()) return bias.defined() ? y.add_(bias.view({-1, 1, 1})) : y;
  return at::conv2d(padded.x, kernel, bias, {conv.stride, conv.stride},
                    {padded.rows, padded.columns}, {conv.dilation, conv.dilation}, conv.groups);
}

// Whether it takes 2x2 windows from the corner on.
bool has_pairs(const graph::MaxPool& pool) {
  return pool.size == 2 && pool.stride == 2 && pool.padding.top == 0 && pool.padding.left == 0;
}

at::Tensor max_pool(const graph::MaxPool& pool, const at::Tensor& x) {
  const Padded padded = pad(x, pool.padding, pool.size, pool.stride, kMinusInfinity);
  const bool halves =
      has_pairs(pool) && padded.height == x.size(2) / 2 && padded.width == x.size(3) / 2;
  if (halves && at::GradMode::is_enabled() && has_map_kernels(x)) return max_pool_2x2(x);
  at::Tensor y = at::max_pool2d(padded.x, {pool.size, pool.size}, {pool.stride, pool.stride},
                                {padded.rows, padded.columns});
  if (y.size(2) == padded.height && y.size(3) == padded.width) return y;
  return y.slice(2, 0, padded.height).slice(3, 0, padded.width);
}

at::Tensor average_pool(const graph::AveragePool& pool, const at::Tensor& x) {
  if (pool.is_global()) return x.mean({2, 3}, true);
  const graph::Padding& p = pool.padding;
  const int height = outputs_of(x.size(2), p.top, p.bottom, pool.size, pool.stride);
  const int width = outputs_of(x.size(3), p.left, p.right, pool.size, pool.stride);
  const int bottom = padding_used(x.size(2), p.top, pool.size, pool.stride, height);
  const int right = padding_used(x.size(3), p.left, pool.size, pool.stride, width);
  // LibTorch itself pads at most half a window.
  const at::Tensor padded =
      at::constant_pad_nd(x, {p.left, std::max(0, right), p.top, std::max(0, bottom)}, 0);
  at::Tensor y = at::avg_pool2d(padded, {pool.size, pool.size}, {pool.stride, pool.stride});
  if (pool.counts_padding) return y;
  const auto inside = [&](std::int64_t side, int before, int outputs) {
    std::vector<float> counts;
    for (int i = 0; i < outputs; ++i) {
      const int first = i * pool.stride - before, end = first + pool.size;
      counts.push_back(static_cast<float>(std::min<std::int64_t>(end, side) - std::max(first, 0)));
    }
    return at::tensor(counts).to(x.options());
  };
  const at::Tensor rows = inside(x.size(2), p.top, height);
  const at::Tensor columns = inside(x.size(3), p.left, width);
  return y * static_cast<double>(pool.size) * static_cast<double>(pool.size) /
         (rows.view({-1, 1}) * columns);
}

at::Tensor route(const graph::Route& settings, const std::vector<at::Tensor>& inputs) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& input : inputs) {
    const std::int64_t part = input.size(1) / settings.groups;
    parts.push_back(settings.groups == 1 ? input : input.narrow(1, settings.group * part, part));
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts, 1);
}

// Interpolates along one dimension; for grids that LibTorch does not have.
at::Tensor interpolated(const at::Tensor& x, int dimension, int scale, graph::Grid grid) {
  const int from = static_cast<int>(x.size(dimension)), to = from * scale;
  std::vector<std::int64_t> low, high;
  std::vector<float> part;
  for (int i = 0; i < to; ++i) {
    const auto place = graph::between(grid, i, from, to);
    low.push_back(place.low);
    high.push_back(place.high);
    part.push_back(place.part);
  }
  std::vector<std::int64_t> shape(4, 1);
  shape[dimension] = to;
  const auto rows = [&](const std::vector<std::int64_t>& indices) {
    return x.index_select(dimension, at::tensor(indices, at::kLong).to(x.device()));
  };
  return at::lerp(rows(low), rows(high), at::tensor(part).to(x.options()).view(shape));
}

at::Tensor bilinear(const graph::Bilinear& settings, const at::Tensor& x) {
  if (settings.grid == graph::Grid::kAsymmetric) {
    return interpolated(interpolated(x, 2, settings.scale, settings.grid), 3, settings.scale,
                        settings.grid);
  }
  return at::upsample_bilinear2d(x, {x.size(2) * settings.scale, x.size(3) * settings.scale},
                                 settings.grid == graph::Grid::kCorners);
}

// at::channel_shuffle() has no derivative.
at::Tensor shuffle(const graph::Shuffle& settings, const at::Tensor& x) {
  const std::int64_t parts = x.size(1) / settings.groups;
  return x.view({x.size(0), settings.groups, parts, x.size(2), x.size(3)})
      .transpose(1, 2)
      .reshape(x.sizes());
}

at::Tensor space_to_depth(const graph::SpaceToDepth& layout, const at::Tensor& x) {
  const std::int64_t images = x.size(0), channels = x.size(1), block = layout.block;
  const std::int64_t height = x.size(2) / block, width = x.size(3) / block;
  if (layout.order == graph::SpaceToDepth::Order::kDarknet) {
    const std::int64_t deep = channels / (block * block);
    return x.reshape({images, deep, x.size(2), block, x.size(3), block})
        .permute({0, 3, 5, 1, 2, 4})
        .reshape({images, channels * block * block, height, width});
  }
  const at::Tensor parts = x.reshape({images, channels, height, block, width, block});
  const std::vector<std::int64_t> order = layout.order == graph::SpaceToDepth::Order::kRows
                                              ? std::vector<std::int64_t>{0, 3, 5, 1, 2, 4}
                                          : layout.order == graph::SpaceToDepth::Order::kColumns
                                              ? std::vector<std::int64_t>{0, 5, 3, 1, 2, 4}
                                              : std::vector<std::int64_t>{0, 1, 3, 5, 2, 4};
  return parts.permute(order).reshape({images, channels * block * block, height, width});
}

at::Tensor shortcut(const graph::Shortcut& settings, const std::vector<at::Tensor>& inputs) {
  at::Tensor sum = inputs[0];
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    const std::int64_t missing = sum.size(1) - inputs[i].size(1);
    if (missing > 0) {
      sum = sum + at::constant_pad_nd(inputs[i], {0, 0, 0, 0, 0, missing});
    } else {
      sum = sum + (missing < 0 ? inputs[i].narrow(1, 0, sum.size(1)) : inputs[i]);
    }
  }
  return activate(std::move(sum), settings.activation);
}

at::Tensor product(const graph::Product& settings, const std::vector<at::Tensor>& inputs) {
  at::Tensor result = inputs[0];
  for (std::size_t i = 1; i < inputs.size(); ++i) result = result * inputs[i];
  return activate(std::move(result), settings.activation);
}

at::Tensor attention(const graph::Attention& settings, const at::Tensor& x) {
  const std::int64_t keys = settings.key_channels, pixels = x.size(2) * x.size(3);
  const at::Tensor parts = x.reshape({x.size(0), settings.heads, -1, pixels});
  const std::int64_t values = parts.size(2) - 2 * keys;
  const at::Tensor query = parts.narrow(2, 0, keys), key = parts.narrow(2, keys, keys);
  const at::Tensor shares =
      at::softmax(at::matmul(query.transpose(2, 3), key) * settings.scale, -1);
  return at::matmul(parts.narrow(2, 2 * keys, values), shares.transpose(2, 3))
      .reshape({x.size(0), settings.heads * values, x.size(2), x.size(3)});
}

}  // namespace

Module::Module(graph::Network network, at::Device device, std::uint64_t seed)
    : network_(std::move(network)), parameters_(network_, device, seed) {
  freeze(std::vector<bool>(network_.layers.size(), false));
}

void Module::freeze(std::vector<bool> layers) {
  frozen_ = std::move(layers);
  constant_.assign(network_.layers.size(), false);
  folded_.assign(network_.layers.size(), {});
  std::vector<bool> has_weights(network_.layers.size(), false);
  for (const Parameter& parameter : parameters_.parameters()) has_weights[parameter.layer] = true;
  for (std::size_t i = 0; i < network_.layers.size(); ++i) {
    const auto& inputs = network_.layers[i].inputs;
    const bool constant_inputs = std::all_of(inputs.begin(), inputs.end(), [&](int from) {
      return from == graph::kNetworkInput || constant_[from];
    });
    constant_[i] = constant_inputs && (frozen_[i] || !has_weights[i]);
  }
  for (const Parameter& parameter : parameters_.parameters()) {
    at::Tensor value = parameter.value;
    value.requires_grad_(!frozen_[parameter.layer]);
  }
}

std::vector<at::Tensor> Module::forward(const at::Tensor& input) {
  std::vector<int> wanted;
  for (const int head : network_.heads()) {
    wanted.push_back(network_.layers[head].inputs[0]);
  }
  std::vector<at::Tensor> outputs = forward(input, wanted);
  for (at::Tensor& output : outputs) output = output.to(at::kFloat);
  return outputs;
}

std::vector<at::Tensor> Module::forward(const at::Tensor& input, const std::vector<int>& wanted) {
  const std::size_t count = network_.layers.size();
  std::vector<std::size_t> last_use(count, 0), uses(count, 0);
  for (std::size_t i = 0; i < count; ++i) {
    for (const int from : network_.layers[i].inputs) {
      if (from < 0) continue;
      last_use[from] = i;
      ++uses[from];
    }
  }
  for (const int index : wanted) {
    last_use[index] = count;
    ++uses[index];
  }
  halved_.assign(count, false);
  to_halve_.assign(count, false);
  for (std::size_t i = 0; i < count; ++i) {
    if (uses[i] != 1 || last_use[i] == count) continue;
    const auto* pool = std::get_if<graph::MaxPool>(&network_.layers[last_use[i]].operation);
    // Padding of a row that an even map has no use for is Darknet's usual one.
    to_halve_[i] =
        pool != nullptr && has_pairs(*pool) && pool->padding.bottom < 2 && pool->padding.right < 2;
  }

  const at::Tensor first = input.to(compute_type).contiguous(at::MemoryFormat::ChannelsLast);
  std::vector<at::Tensor> maps(count);
  for (std::size_t i = 0; i < count; ++i) {
    const graph::Layer& layer = network_.layers[i];
    std::vector<at::Tensor> inputs;
    for (const int from : layer.inputs) {
      inputs.push_back(from < 0 ? first : maps[from]);
    }
    const at::AutoGradMode gradients(at::GradMode::is_enabled() && !constant_[i]);
    maps[i] = run(layer, static_cast<int>(i), inputs);
    inputs.clear();
    for (const int from : layer.inputs) {
      if (from >= 0 && last_use[from] == i) {
        maps[from] = at::Tensor();
      }
    }
  }
  std::vector<at::Tensor> outputs;
  for (const int index : wanted) outputs.push_back(maps[index]);
  return outputs;
}

at::Tensor Module::run(const graph::Layer& layer, int index,
                       const std::vector<at::Tensor>& inputs) {
  const auto visit = [&](const auto& operation) -> at::Tensor {
    using T = std::decay_t<decltype(operation)>;
    if constexpr (std::is_same_v<T, graph::Convolution>) {
      return convolve(layer, index, inputs[0]);
    } else if constexpr (std::is_same_v<T, graph::MaxPool>) {
      const int from = layer.inputs[0];
      return from >= 0 && halved_[from] ? inputs[0] : max_pool(operation, inputs[0]);
    } else if constexpr (std::is_same_v<T, graph::AveragePool>) {
      return average_pool(operation, inputs[0]);
    } else if constexpr (std::is_same_v<T, graph::Upsample>) {
      const at::Tensor& x = inputs[0];
      return at::upsample_nearest2d(x, {x.size(2) * operation.scale, x.size(3) * operation.scale});
    } else if constexpr (std::is_same_v<T, graph::Bilinear>) {
      return bilinear(operation, inputs[0]);
    } else if constexpr (std::is_same_v<T, graph::Route>) {
      return route(operation, inputs);
    } else if constexpr (std::is_same_v<T, graph::Slice>) {
      return inputs[0].narrow(1, operation.first, operation.channels);
    } else if constexpr (std::is_same_v<T, graph::SpaceToDepth>) {
      return space_to_depth(operation, inputs[0]);
    } else if constexpr (std::is_same_v<T, graph::Product>) {
      return product(operation, inputs);
    } else if constexpr (std::is_same_v<T, graph::Attention>) {
      return attention(operation, inputs[0]);
    } else if constexpr (std::is_same_v<T, graph::Shuffle>) {
      return shuffle(operation, inputs[0]);
    } else if constexpr (std::is_same_v<T, graph::Shortcut>) {
      return shortcut(operation, inputs);
    } else if constexpr (std::is_same_v<T, graph::Dropout>) {
      if (!at::GradMode::is_enabled()) return inputs[0];
      return has_map_kernels(inputs[0])
                 ? drop_out(inputs[0], operation.probability, dropout_seed, index, first_image)
                 : at::dropout(inputs[0], operation.probability, true);
    } else if constexpr (std::is_same_v<T, graph::Softmax>) {
      return at::softmax(inputs[0], 1);
    } else {
      static_assert(graph::HeadOperation<T>);
      return inputs[0];  // oko_detect decodes heads
    }
  };
  return std::visit(visit, layer.operation);
}

at::Tensor Module::convolve(const graph::Layer& layer, int index, const at::Tensor& input) {
  const auto& conv = std::get<graph::Convolution>(layer.operation);
  if (constant_[index]) return convolve_folded(layer, index, input);
  const at::Tensor kernel = parameters_.value(layer.name + ".kernel").to(compute_type);
  const at::Tensor bias = parameters_.value(layer.name + ".bias");
  const std::optional<double> slope = slope_of(conv.activation);
  if (conv.batch_norm && slope && !conv.batch_norm->epsilon_outside_root && !to_halve_[index] &&
      trains_norm(layer)) {
    if (has_pointwise(conv, input)) {
      return convolve_pointwise_and_normalize(input, kernel, trained_norm(layer), *slope);
    }
    if (has_depthwise_and_normalize(conv, input)) {
      return convolve_depthwise_and_normalize(input, kernel, trained_norm(layer), *slope);
    }
  }
  at::Tensor y =
      convolution(conv, input, kernel, conv.batch_norm ? at::Tensor() : bias.to(compute_type));
  if (conv.batch_norm) return normalize(layer, index, std::move(y));
  if (observe) observe(index, y);
  return activate(std::move(y), conv.activation);
}

TrainedNorm Module::trained_norm(const graph::Layer& layer) const {
  const auto value = [&](const char* name) { return parameters_.value(layer.name + name); };
  return {value(".scale"),     value(".bias"),
          value(".mean"),      value(".variance"),
          statistics_momentum, *std::get<graph::Convolution>(layer.operation).batch_norm,
          normalizing};
}

bool Module::trains_norm(const graph::Layer& layer) const {
  return parameters_.value(layer.name + ".scale").requires_grad();
}

at::Tensor Module::normalize(const graph::Layer& layer, int index, at::Tensor x) {
  const auto& conv = std::get<graph::Convolution>(layer.operation);
  const TrainedNorm trained = trained_norm(layer);
  const bool training = trains_norm(layer);
  if (training && has_map_kernels(x)) {
    const std::optional<double> slope = slope_of(conv.activation);
    const bool halve = to_halve_[index] && slope && x.size(2) % 2 == 0 && x.size(3) % 2 == 0;
    at::Tensor y = batch_norm_activate(x, trained, slope.value_or(1), halve);
    halved_[index] = halve;
    return slope ? y : activate(std::move(y), conv.activation);
  }
  const auto& [scale, bias, mean, variance, momentum, norm, workers] = trained;
  at::Tensor y;
  if (training && (norm.epsilon_outside_root || workers != nullptr)) {
    y = batch_norm(x, trained);
  } else if (!norm.epsilon_outside_root) {
    y = at::batch_norm(x, scale, bias, mean, variance, training, 1 - momentum, norm.epsilon, false);
  } else {
    const at::Tensor square = (variance.sqrt() + norm.epsilon).square();
    y = at::batch_norm(x, scale, bias, mean, square, false, 0, 0, false);
  }
  return activate(std::move(y), conv.activation);
}

at::Tensor Module::convolve_folded(const graph::Layer& layer, int index, const at::Tensor& input) {
  const auto& conv = std::get<graph::Convolution>(layer.operation);
  Folded& folded = folded_[index];
  if (!folded.kernel.defined()) {
    at::Tensor kernel = parameters_.value(layer.name + ".kernel").detach();
    at::Tensor bias = parameters_.value(layer.name + ".bias").detach();
    if (conv.batch_norm) {
      const at::Tensor variance = parameters_.value(layer.name + ".variance");
      const double epsilon = conv.batch_norm->epsilon;
      const at::Tensor root = conv.batch_norm->epsilon_outside_root ? variance.sqrt() + epsilon
                                                                    : (variance + epsilon).sqrt();
      const at::Tensor factor = parameters_.value(layer.name + ".scale").detach() / root;
      kernel = kernel * factor.view({-1, 1, 1, 1});
      bias = bias - parameters_.value(layer.name + ".mean") * factor;
    }
    folded = {kernel.to(compute_type).contiguous(at::MemoryFormat::ChannelsLast),
              bias.to(compute_type)};
  }
  return activate(convolution(conv, input, folded.kernel, folded.bias), conv.activation);
}

}  // namespace oko::train

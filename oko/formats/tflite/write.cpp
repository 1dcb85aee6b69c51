#include "oko/formats/tflite/writer.h"

#include <algorithm>
#include <array>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/base/text.h"
#include "oko/formats/builder.h"
#include "oko/formats/tensor_order.h"
#include "oko/formats/tflite.h"
#include "oko/formats/tflite/about.h"
#include "oko/formats/tflite/names.h"
#include "oko/graph/fold.h"

namespace oko::formats {
namespace tflite {

using graph::Layer;
using graph::Network;
using graph::Shape;
using graph::Tensor;
using oko::tflite::Code;
using oko::tflite::TensorType;
using Fused = oko::tflite::Activation;

Writer::Writer(const Network& network, const WriteOptions& options)
    : network_(network), options_(options), tensors_(network.layers.size() + 1) {
  if (bytes()) scales_ = map_scales(network);
  const auto outputs = network.outputs();
  const auto names = output_names(network);
  for (std::size_t i = 0; i < outputs.size(); ++i) outputs_[outputs[i]] = names[i];
}

namespace {

// The part of a pool's padding that its windows reach. For even sizes Darknet pads a row and a
// column that no window reaches.
graph::Padding reached(const Shape& in, const Shape& out, const auto& pool) {
  graph::Padding padding = pool.padding;
  padding.bottom =
      std::max(0, (out.height - 1) * pool.stride + pool.size - in.height - padding.top);
  padding.right = std::max(0, (out.width - 1) * pool.stride + pool.size - in.width - padding.left);
  return padding;
}

// One per line: a name of two lines would shift all after it.
std::string labels_of(const std::vector<std::string>& classes) {
  std::string labels;
  for (const std::string& name : classes) {
    if (name.empty() || name.find_first_of("\r\n") != name.npos) {
      throw input_error(kLabelsName,
                        "the class name \"" + printable(name) + "\" is not one line of text",
                        "use other class names: --names FILE");
    }
    labels += name + "\n";
  }
  return labels;
}

}  // namespace

int Writer::own_map(int index) {
  const auto output = outputs_.find(index);
  const std::string& name = output != outputs_.end() ? output->second : network_.layers[index].name;
  return tensors_[index + 1] =
             emitter_.map(name, graph::shape_of(network_, index), scale_of(index));
}

int Writer::map_before_activation(int index) {
  const std::string name = network_.layers[index].name + kBefore;
  const auto scale = bytes() ? scales_.sums[index] : std::nullopt;
  return emitter_.map(name, graph::shape_of(network_, index), scale);
}

void Writer::add_input() {
  const Shape& shape = network_.input;
  if (!bytes() || !options_.takes_bytes) {
    input_ = tensors_[0] = emitter_.map(kInputName, shape, scale_of(graph::kNetworkInput));
    return;
  }
  const MapScale scale = *scale_of(graph::kNetworkInput);
  input_ =
      emitter_.map(kInputName, shape, TensorType::UINT8, MapScale{scale.scale, scale.zero + 128});
  tensors_[0] = emitter_.map(std::string(kInputName) + kBytes, shape, scale);
  emitter_.add(Code::QUANTIZE, {input_}, {tensors_[0]}, oko::tflite::QuantizeOptionsT{});
}

std::vector<std::byte> Writer::file() {
  add_input();
  for (std::size_t i = 0; i < network_.layers.size(); ++i) {
    const Layer& layer = network_.layers[i];
    if (graph::is_head(layer.operation)) continue;
    std::visit([&](const auto& operation) { write(static_cast<int>(i), layer, operation); },
               layer.operation);
  }
  std::vector<int> outputs;
  std::string names;  // layers of the outputs, whose tensors have other names
  for (const int output : network_.outputs()) {
    outputs.push_back(read(output));
    names += visible(network_.layers[output].name, "_") + "\n";
  }
  const std::string description = describe(network_);
  emitter_.add_metadata(kDescriptionKey, std::as_bytes(std::span(description)));
  emitter_.add_metadata(kOutputLayers, std::as_bytes(std::span(names)));
  const std::vector<std::byte> told =
      about(network_, options_.info, bytes() && options_.takes_bytes);
  emitter_.add_metadata(kAboutName, told);
  std::vector<std::byte> model =
      emitter_.finish(options_.info.description.empty() ? network_.name : options_.info.description,
                      {input_}, outputs);
  const std::string labels = labels_of(network_.classes);
  if (!labels.empty()) append_file(model, kLabelsName, labels);
  return model;
}

// The tensor padded with zeros, or with the lowest value, which no maximum selects.
int Writer::padded(const std::string& name, int from, const Shape& in,
                   const graph::Padding& padding, bool lowest) {
  const Shape shape{in.channels, in.height + padding.top + padding.bottom,
                    in.width + padding.left + padding.right};
  const auto scale = emitter_.scale(from);
  const int to = emitter_.map(name + kPadded, shape, scale);
  const std::array<int, 8> sides{0, 0, padding.top, padding.bottom, padding.left, padding.right,
                                 0, 0};
  const int amounts = emitter_.constant(name + ".padding", {4, 2}, sides);
  if (!lowest) {
    emitter_.add(Code::PAD, {from, amounts}, {to}, oko::tflite::PadOptionsT{}, version(2));
    return to;
  }
  int value = 0;
  if (scale) {
    const std::array<std::int8_t, 1> least{-128};
    value = emitter_.constant(name + ".lowest", {1}, TensorType::INT8,
                              std::as_bytes(std::span(least)), {scale->scale}, 0, scale->zero);
  } else {
    value = emitter_.constant(name + ".lowest", {1}, std::array{kLowest});
  }
  emitter_.add(Code::PADV2, {from, amounts, value}, {to}, oko::tflite::PadV2OptionsT{}, version(2));
  return to;
}

// `kernel` in the operator's order; the scales, if any, are per slice along `axis`.
int Writer::kernel(const std::string& name, const Tensor& kernel, const std::vector<float>& scales,
                   int axis) {
  const std::vector<int> shape(kernel.shape.begin(), kernel.shape.end());
  if (!scales.empty()) {
    return emitter_.constant(name, shape, TensorType::INT8, kernel.data.span(), scales, axis);
  }
  if (options_.precision != graph::Precision::kFloat16) {
    return emitter_.constant(name, shape, kernel.floats());
  }
  std::vector<Half> halves(kernel.floats().size());
  std::ranges::transform(kernel.floats(), halves.begin(), to_half);
  const int small =
      emitter_.constant(name + kHalf, shape, TensorType::FLOAT16, std::as_bytes(std::span(halves)));
  const int whole = emitter_.made(name, shape);
  emitter_.add(Code::DEQUANTIZE, {small}, {whole}, oko::tflite::DequantizeOptionsT{}, 3);
  return whole;
}

// One operator: a plain or depthwise convolution.
void Writer::convolve(const std::string& name, int from, int to,
                      const graph::Convolution& convolution, oko::tflite::Padding padding,
                      const Tensor& weights, std::span<const float> bias) {
  const bool depthwise = convolution.groups != 1;
  Tensor ordered = weights;
  std::vector<float> scales;
  int bias_tensor = 0;
  if (bytes()) {
    ByteKernel small = byte_kernel(weights.floats(), bias, emitter_.scale(from)->scale);
    ordered = {graph::DType::kI8, weights.shape, Bytes::own(std::move(small.kernel))};
    scales = std::move(small.scales);
    bias_tensor = emitter_.constant(name + ".bias", {convolution.filters}, TensorType::INT32,
                                    std::as_bytes(std::span(small.bias)), small.bias_scales);
  } else {
    bias_tensor = emitter_.constant(name + ".bias", {convolution.filters}, bias);
  }
  ordered = depthwise ? permuted(ordered, {1, 2, 3, 0}) : permuted(ordered, {0, 2, 3, 1});
  const int kernel_tensor = kernel(name + ".kernel", ordered, scales, depthwise ? 3 : 0);
  const auto set = [&](auto options) {
    options.padding = padding;
    options.stride_h = options.stride_w = convolution.stride;
    options.dilation_h = options.dilation_w = convolution.dilation;
    options.activation = fused(convolution.activation).value_or(Fused::NONE);
    return options;
  };
  const std::vector<int> inputs{from, kernel_tensor, bias_tensor};
  if (!depthwise) {
    return emitter_.add(Code::CONV_2D, inputs, {to}, set(oko::tflite::Conv2DOptionsT{}),
                        version(3));
  }
  auto options = set(oko::tflite::DepthwiseConv2DOptionsT{});
  options.depth_multiplier = convolution.filters / convolution.groups;
  const int in_floats = convolution.dilation == 1 ? 1 : 2;
  emitter_.add(Code::DEPTHWISE_CONV_2D, inputs, {to}, std::move(options), bytes() ? 3 : in_floats);
}

// Other numbers of groups: a convolution for each, and a concatenation.
void Writer::convolve_groups(const Layer& layer, int from, int to,
                             const graph::Convolution& convolution, oko::tflite::Padding padding) {
  const Tensor& weights = graph::weight_of(network_, layer, "kernel");
  const auto bias = graph::weight_of(network_, layer, "bias").floats();
  const Shape in = emitter_.shape(from), out = emitter_.shape(to);
  const int groups = convolution.groups, filters = convolution.filters / groups;
  graph::Convolution one = convolution;
  one.groups = 1;
  one.filters = filters;
  const int axis = emitter_.constant(layer.name + ".axis", {}, std::array{3});
  std::vector<int> parts, results;
  for (int g = 0; g < groups; ++g) {
    const std::string name = layer.name + ".group" + std::to_string(g);
    parts.push_back(emitter_.map(name + ".part", {in.channels / groups, in.height, in.width},
                                 emitter_.scale(from)));
  }
  oko::tflite::SplitOptionsT split;
  split.num_splits = groups;
  emitter_.add(Code::SPLIT, {axis, from}, parts, std::move(split), version(2));
  const std::size_t size = weights.floats().size() / static_cast<std::size_t>(groups);
  for (int g = 0; g < groups; ++g) {
    const std::string name = layer.name + ".group" + std::to_string(g);
    const auto at = static_cast<std::size_t>(g);
    const Tensor part{graph::DType::kF32,
                      {filters, in.channels / groups, one.size, one.size},
                      weights.data.part(at * size * sizeof(float), size * sizeof(float))};
    results.push_back(emitter_.map(name, {filters, out.height, out.width}, emitter_.scale(to)));
    convolve(
        name, parts[at], results.back(), one, padding, part,
        bias.subspan(at * static_cast<std::size_t>(filters), static_cast<std::size_t>(filters)));
  }
  join(results, to);
}

void Writer::write(int index, const Layer& layer, const graph::Convolution& c) {
  const int source = layer.inputs.front();
  const Shape& in = graph::shape_of(network_, source);
  int from = read(source);
  auto padding = oko::tflite::Padding::VALID;
  if (c.padding != graph::Padding{} && c.padding == same_padding(in, c.reach(), c.stride)) {
    padding = oko::tflite::Padding::SAME;
  } else if (c.padding != graph::Padding{}) {
    from = padded(layer.name, from, in, c.padding, false);
  }
  const bool alone = fused(c.activation).has_value();
  const int to = alone ? own_map(index) : map_before_activation(index);
  if (c.groups == 1 || c.groups == in.channels) {
    convolve(layer.name, from, to, c, padding, graph::weight_of(network_, layer, "kernel"),
             graph::weight_of(network_, layer, "bias").floats());
  } else {
    convolve_groups(layer, from, to, c, padding);
  }
  if (!alone) activate(layer.name, to, own_map(index), c.activation);
}

void Writer::write(int index, const Layer& layer, const graph::MaxPool& pool) {
  const int source = layer.inputs.front();
  const Shape& in = graph::shape_of(network_, source);
  int from = read(source);
  oko::tflite::Pool2DOptionsT options;
  options.filter_height = options.filter_width = pool.size;
  options.stride_h = options.stride_w = pool.stride;
  options.padding = oko::tflite::Padding::VALID;
  const graph::Padding padding = reached(in, layer.output, pool);
  if (padding != graph::Padding{} && padding == same_padding(in, pool.size, pool.stride)) {
    options.padding = oko::tflite::Padding::SAME;
  } else if (padding != graph::Padding{}) {
    from = padded(layer.name, from, in, padding, true);
  }
  emitter_.add(Code::MAX_POOL_2D, {from}, {own_map(index)}, std::move(options), version(2));
}

void Writer::write(int index, const Layer& layer, const graph::AveragePool& pool) {
  if (!pool.is_global()) return average_windows(index, layer, pool);
  const int axes = emitter_.constant(layer.name + ".axes", {2}, std::array{1, 2});
  oko::tflite::ReducerOptionsT options;
  options.keep_dims = true;
  emitter_.add(Code::MEAN, {read(layer.inputs.front()), axes}, {own_map(index)}, std::move(options),
               version(2));
}

namespace {

// What an average over a whole window has to be multiplied by to be one over its pixels inside the
// input: rows x columns.
std::vector<float> corrections(const Shape& in, const Shape& out, const graph::AveragePool& pool,
                               const graph::Padding& padding) {
  const auto inside = [&](int at, int before, int side) {
    const int first = at * pool.stride - before;
    return std::min(first + pool.size, side) - std::max(first, 0);
  };
  std::vector<float> factors;
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      const int pixels = inside(y, padding.top, in.height) * inside(x, padding.left, in.width);
      factors.push_back(static_cast<float>(pool.size * pool.size) / static_cast<float>(pixels));
    }
  }
  return factors;
}

}  // namespace

// The operator leaves "same" padding out of an average; it has no other. Its result has the scale
// of its input.
void Writer::average_windows(int index, const Layer& layer, const graph::AveragePool& pool) {
  const int source = layer.inputs.front();
  const Shape& in = shape(source);
  const graph::Padding padding = reached(in, layer.output, pool);
  const bool is_padded = padding != graph::Padding{};
  const bool same =
      is_padded && !pool.counts_padding && padding == same_padding(in, pool.size, pool.stride);
  int from = read(source);
  oko::tflite::Pool2DOptionsT options;
  options.filter_height = options.filter_width = pool.size;
  options.stride_h = options.stride_w = pool.stride;
  options.padding = same ? oko::tflite::Padding::SAME : oko::tflite::Padding::VALID;
  if (is_padded && !same) from = padded(layer.name, from, in, padding, false);
  const bool uneven = is_padded && !same && !pool.counts_padding;
  if (!bytes() && !uneven) {
    return emitter_.add(Code::AVERAGE_POOL_2D, {from}, {own_map(index)}, std::move(options));
  }
  const int averages =
      emitter_.map(layer.name + (uneven ? kWhole : kUnit), layer.output, emitter_.scale(from));
  emitter_.add(Code::AVERAGE_POOL_2D, {from}, {averages}, std::move(options), version(2));
  const int to = own_map(index);
  if (!uneven) return round(averages, to);
  const int factors =
      emitter_.constant(layer.name + ".shares", {1, layer.output.height, layer.output.width, 1},
                        corrections(in, layer.output, pool, padding));
  const int result = bytes() ? emitter_.map(layer.name + kFloats, layer.output, std::nullopt) : to;
  emitter_.add(Code::MUL, {floats_of(layer.name + kBefore, averages), factors}, {result},
               oko::tflite::MulOptionsT{});
  if (bytes()) round(result, to);
}

}  // namespace tflite

std::vector<File> write_tflite(const graph::Network& network, const WriteOptions& options,
                               const std::string& stem) {
  const graph::Network plain = graph::inference_form(network);
  return {{stem + ".tflite", Bytes(tflite::Writer(plain, options).file())}};
}

}  // namespace oko::formats

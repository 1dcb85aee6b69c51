#include <algorithm>
#include <array>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/base/text.h"
#include "oko/formats/builder.h"
#include "oko/formats/tensor_order.h"
#include "oko/formats/tflite.h"
#include "oko/formats/tflite/about.h"
#include "oko/formats/tflite/emit.h"
#include "oko/formats/tflite/names.h"
#include "oko/formats/tflite/scales.h"
#include "oko/graph/fold.h"

namespace oko::formats {
namespace {

using namespace oko::formats::tflite;
using graph::Layer;
using graph::Network;
using graph::Shape;
using graph::Tensor;
using oko::tflite::Code;
using oko::tflite::TensorType;
using Fused = oko::tflite::Activation;

constexpr MapScale kUnitScale{1.F / 256, -128};  // int8 output of logistic and softmax

class Writer {
 public:
  Writer(const Network& network, const WriteOptions& options)
      : network_(network), options_(options), tensors_(network.layers.size() + 1) {
    if (bytes()) scales_ = map_scales(network);
    const auto outputs = network.outputs();
    const auto names = output_names(network);
    for (std::size_t i = 0; i < outputs.size(); ++i) outputs_[outputs[i]] = names[i];
  }

  std::vector<std::byte> file();

 private:
  bool bytes() const { return options_.precision == graph::Precision::kInt8; }
  std::optional<MapScale> scale_of(int index) const {
    if (!bytes()) return std::nullopt;
    return scales_.maps[index + 1];
  }
  int read(int index) const { return tensors_[index + 1]; }
  int own_map(int index);
  int map_before_activation(int index);

  void add_input();
  void write(int index, const Layer& layer, const graph::Convolution& convolution);
  void write(int index, const Layer& layer, const graph::MaxPool& pool);
  void write(int index, const Layer& layer, const graph::AveragePool& pool);
  void write(int index, const Layer& layer, const graph::Upsample& upsample);
  void write(int index, const Layer& layer, const graph::Route& route);
  void write(int index, const Layer& layer, const graph::Shortcut& shortcut);
  void write(int index, const Layer& layer, const graph::Softmax& softmax);
  // inference_form() has no dropout, and heads are not written.
  void write(int index, const Layer&, const auto&) {
    refuse_layer(network_, index, "TensorFlow Lite");
  }

  int padded(const std::string& name, int from, const Shape& in, const graph::Padding& padding,
             bool lowest);
  int kernel(const std::string& name, const Tensor& kernel, const std::vector<float>& scales,
             int axis);
  void convolve(const std::string& name, int from, int to, const graph::Convolution& convolution,
                oko::tflite::Padding padding, const Tensor& kernel, std::span<const float> bias);
  void convolve_groups(const Layer& layer, int from, int to, const graph::Convolution& convolution,
                       oko::tflite::Padding padding);
  void join(const std::vector<int>& from, int to);
  void activate(const std::string& name, int from, int to, graph::Activation activation);
  void activate_mish(const std::string& name, int from, int to, const Shape& shape);
  void logistic(const std::string& name, int from, int to);
  int version(int of_bytes) const { return bytes() ? of_bytes : 1; }

  const Network& network_;
  const WriteOptions& options_;
  Emitter emitter_;
  MapScales scales_;
  std::map<int, std::string> outputs_;
  std::vector<int> tensors_;  // of the input and every layer
  int input_ = 0;
};

// Activations that can be fused into an operator.
std::optional<Fused> fused(graph::Activation activation) {
  switch (activation) {
    case graph::Activation::kLinear:
      return Fused::NONE;
    case graph::Activation::kRelu:
      return Fused::RELU;
    case graph::Activation::kRelu6:
      return Fused::RELU6;
    default:
      return std::nullopt;
  }
}

// The part of a pool's padding that its windows reach. For even sizes Darknet pads a row and a
// column that no window reaches.
graph::Padding reached(const Shape& in, const Shape& out, const graph::MaxPool& pool) {
  graph::Padding padding = pool.padding;
  padding.bottom =
      std::max(0, (out.height - 1) * pool.stride + pool.size - in.height - padding.top);
  padding.right = std::max(0, (out.width - 1) * pool.stride + pool.size - in.width - padding.left);
  return padding;
}

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
  emitter_.add(Code::DEPTHWISE_CONV_2D, inputs, {to}, std::move(options), version(3));
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
  if (c.padding != graph::Padding{} && c.padding == same_padding(in, c.size, c.stride)) {
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

void Writer::write(int index, const Layer& layer, const graph::AveragePool&) {
  const int axes = emitter_.constant(layer.name + ".axes", {2}, std::array{1, 2});
  oko::tflite::ReducerOptionsT options;
  options.keep_dims = true;
  emitter_.add(Code::MEAN, {read(layer.inputs.front()), axes}, {own_map(index)}, std::move(options),
               version(2));
}

void Writer::write(int index, const Layer& layer, const graph::Upsample& upsample) {
  const std::array<int, 2> sides{layer.output.height, layer.output.width};
  const int size = emitter_.constant(layer.name + ".size", {2}, sides);
  oko::tflite::ResizeNearestNeighborOptionsT options;
  // Pixel y / scale, computed in float: exact for powers of two, else from the pixels' centres.
  options.half_pixel_centers = (upsample.scale & (upsample.scale - 1)) != 0;
  const int which = options.half_pixel_centers ? 3 : version(2);
  emitter_.add(Code::RESIZE_NEAREST_NEIGHBOR, {read(layer.inputs.front()), size}, {own_map(index)},
               std::move(options), which);
}

void Writer::join(const std::vector<int>& from, int to) {
  oko::tflite::ConcatenationOptionsT options;
  options.axis = 3;
  emitter_.add(Code::CONCATENATION, from, {to}, std::move(options), version(2));
}

void Writer::write(int index, const Layer& layer, const graph::Route& route) {
  std::vector<int> from;
  for (const int source : layer.inputs) {
    from.push_back(read(source));
    if (route.groups == 1) continue;
    const Shape& in = graph::shape_of(network_, source);
    const int channels = in.channels / route.groups;
    const std::string name = layer.name + ".part" + std::to_string(from.size() - 1);
    const int begin =
        emitter_.constant(name + ".begin", {4}, std::array{0, 0, 0, route.group * channels});
    const int size =
        emitter_.constant(name + ".size", {4}, std::array{1, in.height, in.width, channels});
    const int to = layer.inputs.size() == 1
                       ? own_map(index)
                       : emitter_.map(name, {channels, in.height, in.width}, scale_of(source));
    emitter_.add(Code::SLICE, {from.back(), begin, size}, {to}, oko::tflite::SliceOptionsT{},
                 version(2));
    from.back() = to;
  }
  if (layer.inputs.size() > 1) join(from, own_map(index));
}

void Writer::write(int index, const Layer& layer, const graph::Shortcut& shortcut) {
  const bool alone = fused(shortcut.activation).has_value();
  const int to = alone ? own_map(index) : map_before_activation(index);
  int from = read(layer.inputs.front());
  for (std::size_t i = 1; i < layer.inputs.size(); ++i) {
    const bool last = i + 1 == layer.inputs.size();
    oko::tflite::AddOptionsT options;
    if (last) options.activation = fused(shortcut.activation).value_or(Fused::NONE);
    const int sum = last ? to
                         : emitter_.map(layer.name + ".sum" + std::to_string(i), layer.output,
                                        emitter_.scale(to));
    emitter_.add(Code::ADD, {from, read(layer.inputs[i])}, {sum}, std::move(options), version(2));
    from = sum;
  }
  if (!alone) activate(layer.name, to, own_map(index), shortcut.activation);
}

void Writer::write(int index, const Layer& layer, const graph::Softmax&) {
  oko::tflite::SoftmaxOptionsT options;
  options.beta = 1;
  const int to = own_map(index), from = read(layer.inputs.front());
  if (!bytes() || *emitter_.scale(to) == kUnitScale) {
    return emitter_.add(Code::SOFTMAX, {from}, {to}, std::move(options), version(2));
  }
  const int unit = emitter_.map(layer.name + kUnit, layer.output, kUnitScale);
  emitter_.add(Code::SOFTMAX, {from}, {unit}, std::move(options), version(2));
  emitter_.add(Code::QUANTIZE, {unit}, {to}, oko::tflite::QuantizeOptionsT{});
}

void Writer::logistic(const std::string& name, int from, int to) {
  if (!bytes() || *emitter_.scale(to) == kUnitScale) {
    return emitter_.add(Code::LOGISTIC, {from}, {to}, version(2));
  }
  const int unit = emitter_.map(name + kUnit, emitter_.shape(to), kUnitScale);
  emitter_.add(Code::LOGISTIC, {from}, {unit}, version(2));
  emitter_.add(Code::QUANTIZE, {unit}, {to}, oko::tflite::QuantizeOptionsT{});
}

void Writer::activate(const std::string& name, int from, int to, graph::Activation activation) {
  const Shape shape = emitter_.shape(to);
  if (activation == graph::Activation::kLeaky) {
    oko::tflite::LeakyReluOptionsT options;
    options.alpha = graph::kLeakySlope;
    return emitter_.add(Code::LEAKY_RELU, {from}, {to}, std::move(options), version(2));
  }
  if (activation == graph::Activation::kLogistic) return logistic(name, from, to);
  if (activation == graph::Activation::kSwish) {
    const int gate =
        emitter_.map(name + ".gate", shape, bytes() ? std::optional(kUnitScale) : std::nullopt);
    emitter_.add(Code::LOGISTIC, {from}, {gate}, version(2));
    return emitter_.add(Code::MUL, {from, gate}, {to}, oko::tflite::MulOptionsT{}, version(2));
  }
  if (!bytes()) return activate_mish(name, from, to, shape);
  // There is no int8 division: mish is computed in floats.
  const int in = emitter_.map(name + ".before", shape, std::nullopt);
  const int out = emitter_.map(name + kFloats, shape, std::nullopt);
  emitter_.add(Code::DEQUANTIZE, {from}, {in}, oko::tflite::DequantizeOptionsT{}, 2);
  activate_mish(name, in, out, shape);
  emitter_.add(Code::QUANTIZE, {out}, {to}, oko::tflite::QuantizeOptionsT{});
}

// x · tanh(ln(1 + e^x)) = x · (1 − q²) / (1 + q²) with q = 1 / (1 + e^x) = σ(−x), which never
// overflows and needs no operator that phones lack.
void Writer::activate_mish(const std::string& name, int from, int to, const Shape& shape) {
  const auto step = [&](const char* what) {
    return emitter_.map(name + "." + what, shape, std::nullopt);
  };
  const int one = emitter_.constant(name + ".one", {1}, std::array{1.F});
  const int minus = step("minus"), q = step("q"), square = step("square");
  const int less = step("less"), more = step("more"), ratio = step("ratio");
  emitter_.add(Code::NEG, {from}, {minus}, oko::tflite::NegOptionsT{});
  emitter_.add(Code::LOGISTIC, {minus}, {q});
  emitter_.add(Code::MUL, {q, q}, {square}, oko::tflite::MulOptionsT{});
  emitter_.add(Code::SUB, {one, square}, {less}, oko::tflite::SubOptionsT{});
  emitter_.add(Code::ADD, {square, one}, {more}, oko::tflite::AddOptionsT{});
  emitter_.add(Code::DIV, {less, more}, {ratio}, oko::tflite::DivOptionsT{});
  emitter_.add(Code::MUL, {from, ratio}, {to}, oko::tflite::MulOptionsT{});
}

}  // namespace

std::vector<File> write_tflite(const Network& network, const WriteOptions& options,
                               const std::string& stem) {
  check_layers(network, "TensorFlow Lite", {});
  const Network plain = graph::inference_form(network);
  return {{stem + ".tflite", Bytes(Writer(plain, options).file())}};
}

}  // namespace oko::formats

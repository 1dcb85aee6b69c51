#include <algorithm>

#include "oko/base/error.h"
#include "oko/formats/tensor_order.h"
#include "oko/formats/tflite/reader.h"

// The operators, one by one.
namespace oko::formats::tflite {

using graph::Padding;
using graph::Shape;
using graph::Tensor;
using Fused = oko::tflite::Activation;

void Reader::add(std::size_t index) {
  static const std::map<Code, void (Reader::*)(const Operator&)> kinds{
      {Code::CONV_2D, &Reader::convolution},
      {Code::DEPTHWISE_CONV_2D, &Reader::convolution},
      {Code::FULLY_CONNECTED, &Reader::dense},
      {Code::PAD, &Reader::pad},
      {Code::PADV2, &Reader::pad},
      {Code::MAX_POOL_2D, &Reader::max_pool},
      {Code::AVERAGE_POOL_2D, &Reader::average_pool},
      {Code::MEAN, &Reader::mean},
      {Code::REDUCE_MAX, &Reader::maximum},
      {Code::RESIZE_NEAREST_NEIGHBOR, &Reader::upsample},
      {Code::CONCATENATION, &Reader::concat},
      {Code::ADD, &Reader::sum},
      {Code::MUL, &Reader::scale},
      {Code::SPLIT, &Reader::split},
      {Code::SPLIT_V, &Reader::split},
      {Code::SLICE, &Reader::slice},
      {Code::STRIDED_SLICE, &Reader::strided_slice},
      {Code::SPACE_TO_DEPTH, &Reader::space_to_depth},
      {Code::RESIZE_BILINEAR, &Reader::bilinear},
      {Code::HARD_SWISH, &Reader::activation},
      {Code::TANH, &Reader::activation},
      {Code::ELU, &Reader::activation},
      {Code::SOFTMAX, &Reader::softmax},
      {Code::LOGISTIC, &Reader::activation},
      {Code::RELU, &Reader::activation},
      {Code::RELU6, &Reader::activation},
      {Code::LEAKY_RELU, &Reader::activation},
      {Code::RESHAPE, &Reader::reshape},
      {Code::SQUEEZE, &Reader::reshape},
      {Code::QUANTIZE, &Reader::copy},
      {Code::DEQUANTIZE, &Reader::copy},
      {Code::DENSIFY, &Reader::copy},
  };
  const Operator& op = model_.operators()[index];
  if (patterns_.is_part(index) || gone_.contains(op.outputs.front())) return;
  if (const auto* made = patterns_.made_at(index)) return add_made(op, *made);
  if (attentions_.is_part(index) || upsamplings_.is_part(index)) return;
  if (const auto* upsampling = upsamplings_.at(index)) {
    return builder_.upsample(node(op), map(upsampling->from), to(op),
                             decide::upsample("nearest", upsampling->scale, upsampling->scale));
  }
  if (const auto* exit = attentions_.exit_at(index)) return attend(op, *exit);
  if (op.code == Code::TRANSPOSE) return transpose(op);
  if (turns_one_channel(op)) {
    planar_.insert(patterns_.source(op.outputs.front()));
    return builder_.identity(node(op), from(op), to(op));
  }
  const auto* pattern = patterns_.activation_at(index);
  if (planar(pattern != nullptr
                 ? pattern->from
                 : op.inputs[op.code == Code::SPLIT && op.inputs.size() > 1 ? 1 : 0])) {
    static const std::set<Code> kChannelsLast{Code::CONV_2D,
                                              Code::DEPTHWISE_CONV_2D,
                                              Code::FULLY_CONNECTED,
                                              Code::MAX_POOL_2D,
                                              Code::AVERAGE_POOL_2D,
                                              Code::RESIZE_NEAREST_NEIGHBOR,
                                              Code::RESIZE_BILINEAR,
                                              Code::SPACE_TO_DEPTH,
                                              Code::MEAN,
                                              Code::REDUCE_MAX,
                                              Code::BATCH_TO_SPACE_ND,
                                              Code::SOFTMAX,
                                              Code::SLICE,
                                              Code::RESHAPE};
    if (kChannelsLast.contains(op.code)) model_.fail(op, "reads a tensor with channels first");
    for (const int tensor : op.outputs) planar_.insert(patterns_.source(tensor));
  }
  if (const auto* activation = patterns_.activation_at(index)) {
    return builder_.activation(node(op), map(activation->from), to(op), activation->kind);
  }
  if (const auto* groups = patterns_.groups_at(index)) return grouped(op, *groups);
  if (const auto* taken = patterns_.dilated_at(index)) return dilated(op, *taken);
  const auto found = kinds.find(op.code);
  if (found == kinds.end()) {
    model_.fail(op, "oko does not support this operator",
                "cut the model before it, at its raw heads");
  }
  (this->*found->second)(op);
}

// What several operators are together.
void Reader::add_made(const Operator& op, const Patterns::Made& made) {
  if (planar(made.from) != made.planar) model_.fail(op, "moves values of dimensions oko cannot");
  if (made.planar) planar_.insert(patterns_.source(op.outputs.front()));
  const std::string from = map(made.from);
  if (const auto* shuffle = std::get_if<graph::Shuffle>(&made.operation)) {
    builder_.shuffle(node(op), from, to(op), shuffle->groups);
  } else if (const auto* layout = std::get_if<graph::SpaceToDepth>(&made.operation)) {
    builder_.space_to_depth(node(op), from, to(op), *layout);
  } else if (const auto* pool = std::get_if<graph::AveragePool>(&made.operation)) {
    builder_.average_pool(node(op), from, to(op), *pool);
  } else {
    builder_.attention(node(op), from, to(op), std::get<graph::Attention>(made.operation));
  }
}

// Attention, or some of the channels that it is computed from.
void Reader::attend(const Operator& op, const Attentions::Exit& exit) {
  const std::string source = map(exit.from);
  if (exit.planar) planar_.insert(patterns_.source(op.outputs.front()));
  if (exit.attention) return builder_.attention(node(op), source, to(op), *exit.attention);
  std::vector<std::string> parts;
  const std::vector<int>& channels = exit.channels;
  for (std::size_t first = 0, end = 0; first < channels.size(); first = end) {
    end = first + 1;
    while (end < channels.size() && channels[end] == channels[end - 1] + 1) ++end;
    const bool alone = first == 0 && end == channels.size();
    parts.push_back(alone ? to(op) : to(op) + " part " + std::to_string(parts.size()));
    if (!alone) builder_.use(parts.back());
    builder_.slice(node(op), source, parts.back(), channels[first],
                   static_cast<std::int64_t>(end - first));
  }
  if (parts.size() > 1) builder_.concat(node(op), parts, to(op));
}

// From channels first to last or back: the same map.
void Reader::transpose(const Operator& op) {
  const auto order = op.inputs.size() > 1 ? model_.integers(op, op.inputs[1]) : std::vector<int>{};
  const bool first = planar(op);
  if (order != (first ? std::vector{0, 2, 3, 1} : std::vector{0, 3, 1, 2})) {
    model_.fail(op, "permutes dimensions, which oko does not support");
  }
  builder_.identity(node(op), from(op), to(op));
  if (!first) planar_.insert(patterns_.source(op.outputs.front()));
}

// A reshape to channels first, which converters write where there is one channel.
bool Reader::turns_one_channel(const Operator& op) const {
  if (op.code != Code::RESHAPE) return false;
  const auto &before = model_.sides(op.inputs.front()), &after = model_.sides(op.outputs.front());
  return before.size() == 4 && !planar(op) && before[3] == 1 && (before[1] > 1 || before[2] > 1) &&
         after == std::vector{1, 1, before[1], before[2]};
}

Tensor Reader::constant(const Operator& op, std::size_t input) const {
  if (input >= op.inputs.size() || op.inputs[input] < 0) model_.fail(op, "lacks its weights");
  return model_.floats(op, patterns_.source(op.inputs[input]));
}

// The second input of a sum or product: a value per channel, channels-last.
Tensor Reader::per_channel(const Operator& op) const {
  Tensor numbers = constant(op, 1);
  if (numbers.count() == 1) {
    const int channels = shape(op).channels;
    return Tensor::of(std::vector<float>(static_cast<std::size_t>(channels), numbers.floats()[0]),
                      {channels});
  }
  const std::size_t from_end = planar(op) ? 3 : 1, sides = numbers.shape.size();
  if (sides < from_end || numbers.shape[sides - from_end] != numbers.count()) {
    model_.fail(op, "has constants " + graph::to_string(numbers.shape) +
                        "; oko supports one value per channel");
  }
  numbers.shape = {numbers.count()};
  return numbers;
}

Tensor Reader::bias(const Operator& op) const {
  return op.inputs.size() > 2 && op.inputs[2] >= 0 ? constant(op, 2) : Tensor{};
}

// A ReLU that converters leave out, since the bytes of its results have no negative values: those
// of TensorFlow 1 of every network that was trained in bytes.
graph::Activation Reader::implied(const Operator& op) const {
  static const std::set<Code> kKinds{Code::CONV_2D, Code::DEPTHWISE_CONV_2D, Code::FULLY_CONNECTED,
                                     Code::ADD};
  const auto has_none = [&](int tensor) {
    const auto range = tensor < 0 ? std::nullopt : model_.byte_range(tensor);
    return range && range->first >= 0;
  };
  const int made = op.outputs.front();
  if (!kKinds.contains(op.code) || !has_none(made)) return graph::Activation::kLinear;
  // Distances are not negative by themselves, and oko writes all of its functions.
  const bool leaves = std::ranges::find(outputs_, patterns_.source(made)) != outputs_.end();
  const bool sums_none = op.code == Code::ADD && std::ranges::all_of(op.inputs, has_none);
  if (leaves || sums_none || !model_.metadata(kDescriptionKey).empty()) {
    return graph::Activation::kLinear;
  }
  constexpr float kSix = 6.05F;  // a range is rounded to a number of steps
  return model_.byte_range(made)->second < kSix ? graph::Activation::kRelu6
                                                : graph::Activation::kRelu;
}

graph::Activation Reader::fused(const Operator& op, Fused activation) const {
  switch (activation) {
    case Fused::NONE:
      return implied(op);
    case Fused::RELU:
      return graph::Activation::kRelu;
    case Fused::RELU6:
      return graph::Activation::kRelu6;
  }
  model_.fail(op, "has an unsupported fused activation (" +
                      std::to_string(static_cast<int>(activation)) + ")");
}

void Reader::no_activation(const Operator& op, Fused activation) const {
  if (fused(op, activation) != graph::Activation::kLinear) {
    model_.fail(op, "has a fused activation, which oko supports only for convolutions and sums");
  }
}

template <typename OptionsT>
void Reader::set_window(const Operator& op, const OptionsT& options, const Shape& in,
                        graph::Convolution& c) const {
  if (options.stride_h() != options.stride_w() || options.stride_h() < 1 ||
      options.stride_h() > 1024 || options.dilation_h() != options.dilation_w() ||
      options.dilation_h() < 1 || options.dilation_h() > 1024) {
    model_.fail(op, "has different strides or dilations of rows and columns");
  }
  c.stride = options.stride_h();
  c.dilation = options.dilation_h();
  c.activation = fused(op, options.activation());
  if (options.padding() == oko::tflite::Padding::SAME) {
    c.padding = same_padding(in, c.reach(), c.stride);
  }
}

graph::Convolution Reader::settings(const Operator& op, const Shape& in,
                                    const Tensor& kernel) const {
  const auto& sides = kernel.shape;
  if (sides.size() != 4 || sides[1] != sides[2] || sides[1] < 1 || sides[1] > 1024) {
    model_.fail(op, "the kernel is " + graph::to_string(sides) +
                        "; expected four dimensions and a square window");
  }
  graph::Convolution c;
  c.size = static_cast<int>(sides[1]);
  if (op.code == Code::CONV_2D) {
    c.filters = static_cast<int>(sides[0]);
    if (sides[3] < 1 || in.channels % sides[3] != 0) {
      model_.fail(op, "the kernel " + graph::to_string(sides) + " reads " +
                          std::to_string(in.channels) + " channels");
    }
    c.groups = in.channels / static_cast<int>(sides[3]);
    set_window(op, model_.options<oko::tflite::Conv2DOptions>(op), in, c);
  } else {
    c.filters = static_cast<int>(sides[3]);
    c.groups = in.channels;
    set_window(op, model_.options<oko::tflite::DepthwiseConv2DOptions>(op), in, c);
  }
  return c;
}

void Reader::convolution(const Operator& op) {
  const Tensor kernel = constant(op, 1);
  const graph::Convolution c = settings(op, builder_.padded_shape(node(op), from(op)), kernel);
  add_convolution(op, op, from(op), c, kernel);
}

// The layer of `op`, as the operator `convolution` has it. `kernel` is in its order.
void Reader::add_convolution(const Operator& op, const Operator& convolution,
                             const std::string& from, const graph::Convolution& settings,
                             const Tensor& kernel) {
  const bool depthwise = convolution.code == Code::DEPTHWISE_CONV_2D;
  const std::array<int, 4> planar = depthwise ? std::array{3, 0, 1, 2} : std::array{0, 3, 1, 2};
  builder_.convolution(node(op), from, to(op), settings, permuted(kernel, planar),
                       bias(convolution));
}

void Reader::dilated(const Operator& op, const Patterns::Dilated& pattern) {
  const Operator& convolution = model_.operators()[pattern.convolution];
  const Tensor kernel = constant(convolution, 1);
  const std::string from = map(pattern.from);
  graph::Convolution c = settings(convolution, builder_.padded_shape(node(op), from), kernel);
  if (c.stride != 1 || c.dilation != 1 || c.padding != Padding{}) {
    model_.fail(convolution, "has a stride, dilation or padding within a batch of pixels");
  }
  c.dilation = pattern.block;
  c.padding = pattern.padding;
  add_convolution(op, convolution, from, c, kernel);
}

void Reader::grouped(const Operator& op, const Patterns::Groups& groups) {
  const auto count = static_cast<int>(groups.convolutions.size());
  Shape in = builder_.padded_shape(node(op), map(groups.from));
  in.channels /= count;
  graph::Convolution whole;
  std::vector<float> kernel, biases;
  std::vector<std::int64_t> sides;
  for (int g = 0; g < count; ++g) {
    const Operator& part = model_.operators()[groups.convolutions[g]];
    Tensor weights = constant(part, 1);
    const graph::Convolution c = settings(part, in, weights);
    if (g == 0) whole = c;
    if (c != whole || c.groups != 1) model_.fail(op, "concatenates different convolutions");
    weights = permuted(weights, {0, 3, 1, 2});
    sides = weights.shape;
    kernel.insert(kernel.end(), weights.floats().begin(), weights.floats().end());
    const Tensor sums = bias(part);
    if (sums.shape != std::vector<std::int64_t>{c.filters}) {
      model_.fail(op, "concatenates convolutions without biases");
    }
    biases.insert(biases.end(), sums.floats().begin(), sums.floats().end());
  }
  no_activation(op, model_.options<oko::tflite::ConcatenationOptions>(op).activation());
  sides.front() *= count;
  whole.filters *= count;
  whole.groups = count;
  builder_.convolution(node(op), map(groups.from), to(op), whole,
                       Tensor::of(std::move(kernel), sides),
                       Tensor::of(std::move(biases), {sides.front()}));
}

void Reader::dense(const Operator& op) {
  const auto& options = model_.options<oko::tflite::FullyConnectedOptions>(op);
  std::string source = from(op);
  const Shape& in = shape(op);
  if (model_.sides(op.inputs.front()).size() == 4 && in.height * in.width != 1) {
    const std::string flat = to(op) + " flat";
    builder_.use(flat);
    builder_.flatten(node(op), source, flat, true);
    source = flat;
  }
  const std::string sums = to(op) + " sums";
  builder_.use(sums);
  builder_.dense(node(op), source, sums, constant(op, 1), bias(op));
  builder_.activation(node(op), sums, to(op), fused(op, options.activation()));
}

Padding Reader::padding_of(const Operator& op) const {
  const auto sides = op.inputs.size() > 1 ? model_.integers(op, op.inputs[1]) : std::vector<int>{};
  const auto [rows, columns, channels] = axes(op.inputs.front());
  const bool inside = sides.size() == 8 && sides[0] == 0 && sides[1] == 0 &&
                      sides[2 * channels] == 0 && sides[2 * channels + 1] == 0 &&
                      std::ranges::all_of(sides, [](int n) { return n >= 0 && n <= 1024; });
  if (!inside) model_.fail(op, "pads dimensions other than rows and columns, or by too much");
  return {sides[2 * rows], sides[2 * columns], sides[2 * rows + 1], sides[2 * columns + 1]};
}

// Also of the same tensor in another layout.
void Reader::note_pool_padding(const Operator& op) {
  if (pads_maximum(op)) pool_padding_[op.outputs.front()] = padding_of(op);
  const auto padded = pool_padding_.find(op.inputs.front());
  if (op.code == Code::TRANSPOSE && padded != pool_padding_.end()) {
    pool_padding_[op.outputs.front()] = Padding(padded->second);
  }
}

void Reader::pad(const Operator& op) {
  if (pool_padding_.contains(op.outputs.front())) {
    return builder_.identity(node(op), from(op), to(op));
  }
  if (op.code == Code::PADV2) {
    const Tensor value = constant(op, 2);
    if (value.count() != 1 || value.floats()[0] != 0) {
      model_.fail(op, "pads with a value that is neither 0 nor the lowest");
    }
  }
  if (completes_sum(op)) return builder_.identity(node(op), from(op), to(op));
  if (pad_channels(op)) return;
  builder_.pad(node(op), from(op), to(op), padding_of(op));
}

// Zeros as the channels that a map lacks, as write_values.cpp adds them before a sum.
bool Reader::completes_sum(const Operator& op) const {
  if (op.code != Code::PAD || op.inputs.size() < 2 || planar(op)) return false;
  const Operator* reader = patterns_.only_reader(op.outputs.front());
  if (reader == nullptr || reader->code != Code::ADD || reader->inputs.size() != 2 ||
      reader->inputs[1] != op.outputs.front()) {
    return false;
  }
  const auto sides = model_.integers(op, op.inputs[1]);
  return sides.size() == 8 && sides[7] > 0 &&
         std::ranges::all_of(std::span(sides).first(7), [](int n) { return n == 0; });
}

// Channels of zeros after the others, as BlazeFace adds them to what it sums.
bool Reader::pad_channels(const Operator& op) {
  const auto sides = op.inputs.size() > 1 ? model_.integers(op, op.inputs[1]) : std::vector<int>{};
  const std::size_t at = 2 * axes(op.inputs.front())[2];
  if (sides.size() != 8 || sides[at + 1] < 1 || std::ranges::count(sides, 0) != 7) return false;
  builder_.pad_channels(node(op), from(op), to(op), 0, sides[at + 1]);
  return true;
}

void Reader::max_pool(const Operator& op) {
  const auto& options = model_.options<oko::tflite::Pool2DOptions>(op);
  const Shape& in = shape(op);
  graph::MaxPool pool{options.filter_height(), options.stride_h(), {}};
  if (options.filter_width() != pool.size || options.stride_w() != pool.stride || pool.size < 1 ||
      pool.size > 1024 || pool.stride < 1 || pool.stride > 1024) {
    model_.fail(op, "has a window that is not square or is too large");
  }
  no_activation(op, options.activation());
  const auto padded = pool_padding_.find(op.inputs.front());
  const bool same = options.padding() == oko::tflite::Padding::SAME;
  if (padded != pool_padding_.end() && same) model_.fail(op, "pads an already padded tensor");
  if (same) pool.padding = same_padding(in, pool.size, pool.stride);
  if (padded != pool_padding_.end()) pool.padding = padded->second;
  builder_.max_pool(node(op), from(op), to(op), pool);
}

void Reader::average_pool(const Operator& op) {
  const auto& options = model_.options<oko::tflite::Pool2DOptions>(op);
  const Shape& in = shape(op);
  no_activation(op, options.activation());
  const bool same = options.padding() == oko::tflite::Padding::SAME;
  if (options.filter_height() == in.height && options.filter_width() == in.width && !same) {
    return builder_.average_pool(node(op), from(op), to(op));
  }
  graph::AveragePool pool{options.filter_height(), options.stride_h()};
  if (options.filter_width() != pool.size || options.stride_w() != pool.stride || pool.size < 1 ||
      pool.size > 1024 || pool.stride < 1 || pool.stride > 1024) {
    model_.fail(op, "has a window that is not square or is too large");
  }
  if (same) pool.padding = same_padding(in, pool.size, pool.stride);
  builder_.average_pool(node(op), from(op), to(op), pool);
}

void Reader::require_all_pixels(const Operator& op) const {
  const auto axes = op.inputs.size() > 1 ? model_.integers(op, op.inputs[1]) : std::vector<int>{};
  if (std::set<int>(axes.begin(), axes.end()) != std::set{1, 2}) {
    model_.fail(op, "is over dimensions other than rows and columns");
  }
}

void Reader::mean(const Operator& op) {
  require_all_pixels(op);
  builder_.average_pool(node(op), from(op), to(op));
}

void Reader::maximum(const Operator& op) {
  require_all_pixels(op);
  const Shape& in = shape(op);
  if (in.height != in.width || in.height > 1024) {
    model_.fail(op, "is the maximum of pixels that are not a square of at most 1024 rows");
  }
  builder_.max_pool(node(op), from(op), to(op), {in.height, in.height, {}});
}

void Reader::upsample(const Operator& op) {
  const auto& options = model_.options<oko::tflite::ResizeNearestNeighborOptions>(op);
  const auto size = op.inputs.size() > 1 ? model_.integers(op, op.inputs[1]) : std::vector<int>{};
  constexpr int kMostSide = 1 << 15;
  if (size.size() != 2) model_.fail(op, "lacks its output size");
  for (const int side : size) {
    if (side < 1 || side > kMostSide) model_.fail(op, "has a size of " + std::to_string(side));
  }
  if (options.align_corners()) model_.fail(op, "aligns corners, which oko does not support");
  builder_.resize_nearest(node(op), from(op), to(op), size[0], size[1],
                          options.half_pixel_centers());
}

void Reader::bilinear(const Operator& op) {
  const Shape& in = shape(op);
  const auto& options = model_.options<oko::tflite::ResizeBilinearOptions>(op);
  const auto size = op.inputs.size() > 1 ? model_.integers(op, op.inputs[1]) : std::vector<int>{};
  if (size.size() != 2) model_.fail(op, "lacks its output size");
  const graph::Grid grid = options.align_corners()        ? graph::Grid::kCorners
                           : options.half_pixel_centers() ? graph::Grid::kHalfPixel
                                                          : graph::Grid::kAsymmetric;
  builder_.upsample(node(op), from(op), to(op),
                    decide::upsample("bilinear", static_cast<double>(size[0]) / in.height,
                                     static_cast<double>(size[1]) / in.width, grid));
}

void Reader::space_to_depth(const Operator& op) {
  const int block = model_.options<oko::tflite::SpaceToDepthOptions>(op).block_size();
  if (block < 1 || block > 1024) model_.fail(op, "its block is not in 1…1024");
  builder_.space_to_depth(node(op), from(op), to(op), {block});
}

void Reader::concat(const Operator& op) {
  if (join_pixels(op)) return;
  const auto& options = model_.options<oko::tflite::ConcatenationOptions>(op);
  if (!is_channel_axis(op.inputs.front(), options.axis())) {
    model_.fail(op, "concatenates along dimension " + std::to_string(options.axis()) +
                        "; oko supports only channels");
  }
  no_activation(op, options.activation());
  std::vector<std::string> maps;
  for (const int tensor : op.inputs) {
    if (tensor < 0 || is_constant(tensor)) model_.fail(op, "concatenates a tensor with a constant");
    if (planar(tensor) != planar(op)) model_.fail(op, "joins tensors of different layouts");
    maps.push_back(map(tensor));
  }
  builder_.concat(node(op), maps, to(op));
}

// Of two tensors, or of a tensor and a value per channel.
void Reader::sum(const Operator& op) {
  const graph::Activation after =
      fused(op, model_.options<oko::tflite::AddOptions>(op).activation());
  if (op.inputs.size() != 2 || op.inputs[1] < 0)
    model_.fail(op, "does not add exactly two tensors");
  const std::string sums = to(op) + " sums";
  builder_.use(sums);
  if (is_constant(op.inputs[1])) {
    builder_.affine(node(op), from(op), sums, {}, per_channel(op));
  } else {
    const Operator* pad = patterns_.producer(op.inputs[1], Code::PAD);
    builder_.add(node(op), {from(op), map(op.inputs[1])}, sums,
                 pad != nullptr && completes_sum(*pad));
  }
  builder_.activation(node(op), sums, to(op), after);
}

// Of two tensors, or of a tensor and a value per channel.
void Reader::scale(const Operator& op) {
  const graph::Activation after =
      fused(op, model_.options<oko::tflite::MulOptions>(op).activation());
  if (op.inputs.size() != 2 || op.inputs[1] < 0) model_.fail(op, "does not multiply two tensors");
  const std::string products = to(op) + " products";
  builder_.use(products);
  if (is_constant(op.inputs[1])) {
    builder_.affine(node(op), from(op), products, per_channel(op), {});
  } else {
    builder_.product(node(op), {from(op), map(op.inputs[1])}, products);
  }
  builder_.activation(node(op), products, to(op), after);
}

void Reader::split(const Operator& op) {
  const bool sizes_given = op.code == Code::SPLIT_V;
  const std::size_t at = sizes_given ? 0 : 1;
  if (op.inputs.size() != (sizes_given ? 3U : 2U) || op.inputs[at] < 0) {
    model_.fail(op, "reads no tensor");
  }
  const auto axis = model_.integers(op, op.inputs[sizes_given ? 2 : 0]);
  if (axis.size() != 1 || !is_channel_axis(op.inputs[at], axis[0])) {
    model_.fail(op, "slices dimensions other than channels");
  }
  std::vector<std::int64_t> sizes;
  if (sizes_given) {
    const auto given = model_.integers(op, op.inputs[1]);
    sizes.assign(given.begin(), given.end());
  }
  std::vector<std::string> parts;
  for (const int tensor : op.outputs) parts.push_back(map(tensor));
  builder_.split(node(op), map(op.inputs[at]), parts, sizes);
}

void Reader::slice(const Operator& op) {
  const Shape& in = shape(op);
  if (op.inputs.size() != 3) model_.fail(op, "lacks its start offsets");
  const auto begin = model_.integers(op, op.inputs[1]), size = model_.integers(op, op.inputs[2]);
  const auto is = [](int value, int whole) { return value == whole || value == -1; };
  if (begin.size() != 4 || size.size() != 4 || begin[0] != 0 || begin[1] != 0 || begin[2] != 0 ||
      !is(size[0], 1) || !is(size[1], in.height) || !is(size[2], in.width)) {
    model_.fail(op, "slices dimensions other than channels");
  }
  const std::int64_t start = begin[3];
  const std::int64_t count = size[3] == -1 ? in.channels - start : size[3];
  builder_.slice(node(op), from(op), to(op), start, count);
}

// Channels, or every other pixel.
void Reader::strided_slice(const Operator& op) {
  const auto& options = model_.options<oko::tflite::StridedSliceOptions>(op);
  const bool plain = options.ellipsis_mask() == 0 && options.new_axis_mask() == 0 &&
                     options.shrink_axis_mask() == 0;
  if (!plain || op.inputs.size() != 4) model_.fail(op, "adds or removes dimensions");
  if (take_pixels(op)) return;
  const Shape& in = shape(op);
  const auto begins = model_.integers(op, op.inputs[1]), ends = model_.integers(op, op.inputs[2]);
  const auto steps = model_.integers(op, op.inputs[3]);
  const auto [rows, columns, channels] = axes(op.inputs.front());
  std::array<int, 4> sides{1, 1, 1, 1};
  sides[rows] = in.height;
  sides[columns] = in.width;
  sides[channels] = in.channels;
  if (begins.size() != 4 || ends.size() != 4 || steps != std::vector{1, 1, 1, 1}) {
    model_.fail(op, "slices dimensions other than channels");
  }
  const auto first = [&](std::size_t i) {
    if ((options.begin_mask() >> i & 1) != 0) return 0;
    return begins[i] < 0 ? begins[i] + sides[i] : begins[i];
  };
  const auto end = [&](std::size_t i) {
    if ((options.end_mask() >> i & 1) != 0) return sides[i];
    return std::min(ends[i] < 0 ? ends[i] + sides[i] : ends[i], sides[i]);
  };
  for (std::size_t i = 0; i < sides.size(); ++i) {
    if (i != channels && (first(i) != 0 || end(i) != sides[i])) {
      model_.fail(op, "slices dimensions other than channels");
    }
  }
  builder_.slice(node(op), from(op), to(op), first(channels),
                 std::int64_t{end(channels)} - first(channels));
}

// Every step-th pixel of a map, which together are its squares as channels ("focus").
bool Reader::take_pixels(const Operator& op) {
  const auto begins = model_.integers(op, op.inputs[1]), steps = model_.integers(op, op.inputs[3]);
  const auto ends = model_.integers(op, op.inputs[2]);
  const auto [rows, columns, channels] = axes(op.inputs.front());
  if (begins.size() != 4 || steps.size() != 4 || ends.size() != 4 ||
      (steps[rows] == 1 && steps[columns] == 1)) {
    return false;
  }
  const auto before = spaced_.find(op.inputs.front());
  SpacedPixels spaced{from(op)};
  if (before != spaced_.end()) spaced = before->second;
  const Shape& in = builder_.shape(node(op), spaced.from);
  const auto& options = model_.options<oko::tflite::StridedSliceOptions>(op);
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::size_t i = axis == 0 ? rows : columns;
    if (steps[i] == 1) continue;
    const int side = axis == 0 ? in.height : in.width;
    const int begin = (options.begin_mask() >> i & 1) != 0 ? 0 : begins[i];
    const int end = (options.end_mask() >> i & 1) != 0 ? side : ends[i];
    if (!spaced.take(axis, begin, end, steps[i], side)) {
      model_.fail(op, "slices dimensions other than channels");
    }
  }
  spaced_[op.outputs.front()] = spaced;
  return true;
}

bool Reader::join_pixels(const Operator& op) {
  std::vector<SpacedPixels> parts;
  for (const int input : op.inputs) {
    const auto found = spaced_.find(input);
    if (found == spaced_.end()) return false;
    parts.push_back(found->second);
  }
  const auto squares = squares_of(parts);
  if (!squares) return false;
  builder_.space_to_depth(node(op), parts[0].from, to(op), *squares);
  return true;
}

void Reader::softmax(const Operator& op) {
  if (model_.options<oko::tflite::SoftmaxOptions>(op).beta() != 1) {
    model_.fail(op, "has a beta other than 1");
  }
  builder_.softmax(node(op), from(op), to(op));
}

void Reader::activation(const Operator& op) {
  const auto put = [&](const Decision<graph::Activation>& kind) {
    builder_.activation(node(op), from(op), to(op), kind);
  };
  if (op.code == Code::RELU6) return put(graph::Activation::kRelu6);
  if (op.code == Code::HARD_SWISH) return put(graph::Activation::kHardSwish);
  if (op.code == Code::TANH) return put(graph::Activation::kTanh);
  if (op.code == Code::ELU) return put(graph::Activation::kElu);
  if (op.code == Code::LOGISTIC) return put(graph::Activation::kLogistic);
  if (op.code != Code::LEAKY_RELU) return put(graph::Activation::kRelu);
  put(decide::leaky_relu(model_.options<oko::tflite::LeakyReluOptions>(op).alpha()));
}

void Reader::reshape(const Operator& op) { builder_.flatten(node(op), from(op), to(op), true); }

}  // namespace oko::formats::tflite

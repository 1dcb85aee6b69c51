#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "oko/base/class_list.h"
#include "oko/base/error.h"
#include "oko/formats/builder.h"
#include "oko/formats/tensor_order.h"
#include "oko/formats/tflite.h"
#include "oko/formats/tflite/about.h"
#include "oko/formats/tflite/model.h"
#include "oko/formats/tflite/names.h"
#include "oko/formats/tflite/patterns.h"

namespace oko::formats {
namespace {

using namespace oko::formats::tflite;
using graph::Padding;
using graph::Shape;
using graph::Tensor;
using Fused = oko::tflite::Activation;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

class Reader {
 public:
  Reader(const Bytes& file, const std::string& name)
      : model_(file, name), patterns_(model_), builder_(name) {}

  Imported read(std::string_view file);

 private:
  void name_layers();
  void count_uses();
  void use(const Operator& op, int tensor);
  void add(std::size_t index);
  void convolution(const Operator& op);
  void grouped(const Operator& op, const Patterns::Groups& groups);
  void dense(const Operator& op);
  void pad(const Operator& op);
  void max_pool(const Operator& op);
  void average_pool(const Operator& op);
  void mean(const Operator& op);
  void upsample(const Operator& op);
  void concat(const Operator& op);
  void sum(const Operator& op);
  void scale(const Operator& op);
  void split(const Operator& op);
  void slice(const Operator& op);
  void softmax(const Operator& op);
  void activation(const Operator& op);
  void reshape(const Operator& op);
  void copy(const Operator&) {}
  void read_labels(Imported& imported, std::string_view file) const;
  void add_notes(Imported& imported) const;

  std::string map(int tensor) const {
    const int source = patterns_.source(tensor);
    return std::to_string(source) + " " + model_.name_of(source);
  }
  std::string to(const Operator& op) const { return map(op.outputs.front()); }
  std::string from(const Operator& op) const { return map(op.inputs.front()); }
  const Shape& shape(const Operator& op) const { return builder_.shape(node(op), from(op)); }
  Node node(const Operator& op) const;
  bool is_constant(int tensor) const {
    return tensor >= 0 && model_.is_constant(patterns_.source(tensor));
  }
  Tensor constant(const Operator& op, std::size_t input) const;
  Tensor per_channel(const Operator& op) const;
  Tensor bias(const Operator& op) const;
  graph::Convolution settings(const Operator& op, const Shape& in, const Tensor& kernel) const;
  template <typename OptionsT>
  void set_window(const Operator& op, const OptionsT& options, const Shape& in,
                  graph::Convolution& convolution) const;
  graph::Activation fused(const Operator& op, Fused activation) const;
  void no_activation(const Operator& op, Fused activation) const;
  void is_flatten(const Operator& op);
  Padding padding_of(const Operator& op) const;
  bool keeps_map(const Operator& op) const;
  bool pads_maximum(const Operator& op) const;

  Model model_;
  Patterns patterns_;
  NetworkBuilder builder_;
  std::map<int, std::string> names_;     // of layers whose tensors have other names
  std::map<int, Padding> pool_padding_;  // of tensors padded with the lowest value
  std::set<int> gone_;                   // tensors after a dropped operator
  std::vector<DroppedNode> dropped_;
  std::vector<int> outputs_;
};

Node Reader::node(const Operator& op) const {
  Node found = model_.node(op);
  const auto other = names_.find(op.outputs.front());
  if (other != names_.end()) found.name = other->second;
  for (const char* part : {kBefore, kUnit, kFloats}) {
    if (found.name.ends_with(part)) found.name.resize(found.name.size() - std::strlen(part));
  }
  return found;
}

void Reader::name_layers() {
  const auto names = lines_of(model_.metadata(kOutputLayers));
  if (names.size() != model_.outputs().size()) return;
  for (std::size_t i = 0; i < names.size(); ++i) names_[model_.outputs()[i]] = names[i];
}

// A flatten, or dimensions of size 1 added or removed.
bool Reader::keeps_map(const Operator& op) const {
  const auto& before = model_.sides(op.inputs.front());
  const auto& after = model_.sides(op.outputs.front());
  if (before.empty() || after.empty() || before.front() != 1 || after.front() != 1) return false;
  std::int64_t from = 1, made = 1;
  for (const int side : before) from *= std::clamp(side, 0, 1 << 15);
  for (const int side : after) made *= std::clamp(side, 0, 1 << 15);
  const bool row = std::ranges::count_if(after, [](int side) { return side != 1; }) <= 1;
  return from == made && row && (after.size() == 2 || after.size() == 4) && after.back() == made;
}

bool Reader::pads_maximum(const Operator& op) const {
  if (op.code != Code::PADV2 || op.inputs.size() != 3) return false;
  if (model_.type_of(op.inputs[2]) == TensorType::INT8) return model_.is_lowest_byte(op.inputs[2]);
  const Tensor value = model_.floats(op, op.inputs[2]);
  return value.count() == 1 && value.floats()[0] < -1e30F;
}

void Reader::use(const Operator& op, int tensor) {
  if (pool_padding_.contains(tensor) && op.code != Code::MAX_POOL_2D) {
    model_.fail(op, "reads a tensor padded with the lowest value, which only max pooling can do");
  }
  builder_.use(map(tensor));
}

// Also finds where box decoding starts, which oko does itself: the network ends there.
void Reader::count_uses() {
  const auto end_here = [&](int tensor) {
    if (is_constant(tensor) || gone_.contains(tensor)) return;
    const int source = patterns_.source(tensor);
    if (std::ranges::find(outputs_, source) == outputs_.end()) outputs_.push_back(source);
  };
  for (std::size_t i = 0; i < model_.operators().size(); ++i) {
    const Operator& op = model_.operators()[i];
    const bool retyped = op.code == Code::QUANTIZE || op.code == Code::DEQUANTIZE;
    const bool reshaped = op.code == Code::RESHAPE || op.code == Code::SQUEEZE;
    const bool goes = std::ranges::any_of(op.inputs, [&](int t) { return gone_.contains(t); });
    if (goes || (reshaped && !keeps_map(op))) {
      dropped_.push_back({builder_.place(model_.node(op)), op.kind});
      std::ranges::for_each(op.inputs, [&](int t) {
        if (t >= 0) end_here(t);
      });
      gone_.insert(op.outputs.begin(), op.outputs.end());
      continue;
    }
    if (retyped || patterns_.is_part(i)) continue;
    if (pads_maximum(op)) pool_padding_[op.outputs.front()] = padding_of(op);
    if (const auto* activation = patterns_.activation_at(i)) {
      use(op, activation->from);
    } else if (const auto* groups = patterns_.groups_at(i)) {
      use(op, groups->from);
    } else {
      for (const int tensor : op.inputs) {
        if (tensor >= 0 && !is_constant(tensor)) use(op, tensor);
      }
    }
  }
  std::ranges::for_each(model_.outputs(), end_here);
  for (const int tensor : outputs_) builder_.use(map(tensor));
}

Imported Reader::read(std::string_view file) {
  name_layers();
  for (const int tensor : model_.inputs()) {
    Operator input;
    input.kind = "input";
    input.outputs = {tensor};
    builder_.input(map(tensor), model_.map_shape(input, tensor));
  }
  count_uses();
  for (std::size_t i = 0; i < model_.operators().size(); ++i) add(i);
  std::vector<std::string> outputs;
  for (const int tensor : outputs_) outputs.push_back(map(tensor));
  const std::string& name = model_.file();
  const std::size_t start = name.find_last_of('/') + 1;
  Imported imported = builder_.finish(
      name.substr(start, name.ends_with(".tflite") ? name.size() - 7 - start : name.npos), outputs);
  for (std::size_t i = 0; i < imported.names.size(); ++i) {
    const int tensor = std::stoi(imported.keys[i]);  // map() begins with it
    imported.names[i] = model_.name_of(tensor);
    imported.keys[i] = std::to_string(tensor);
  }
  add_notes(imported);
  imported.dropped = dropped_;
  const std::string description = model_.metadata(kDescriptionKey);
  if (!description.empty()) {
    apply_description(imported, description, name + ": metadata \"" + kDescriptionKey + "\"");
  } else {
    read_labels(imported, file);
  }
  return imported;
}

// An invalid class list is ignored; the model is still usable.
void Reader::read_labels(Imported& imported, std::string_view file) const {
  const std::string labels = appended_labels(file);
  if (labels.empty()) return;
  try {
    imported.network.classes = parse_class_list(labels, model_.file() + ": labels");
  } catch (const Error& error) {
    imported.notes.push_back("the class names in the file are not used: " +
                             std::string(error.what()));
  }
}

void Reader::add_notes(Imported& imported) const {
  if (!dropped_.empty()) {
    imported.notes.push_back(
        dropped_.front().place +
        " starts the box decoding: dropped from there on; the tensors before it are the outputs");
  }
  for (std::size_t t = 0; t < model_.tensor_count(); ++t) {
    const auto tensor = static_cast<int>(t);
    if (!model_.is_constant(tensor) || model_.type_of(tensor) != TensorType::INT8) continue;
    imported.notes.push_back(
        "the model is int8; its weights were dequantized to float32, so results differ from the "
        "model's own by its rounding");
    break;
  }
  for (const int tensor : model_.inputs()) {
    const auto range = model_.byte_range(tensor);
    if (!range || (std::fabs(range->first) < .01F && std::fabs(range->second - 1) < .01F)) continue;
    imported.notes.push_back("the model expects pixel values from " + std::to_string(range->first) +
                             " to " + std::to_string(range->second) + "; oko uses 0 to 1");
  }
}

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
      {Code::RESIZE_NEAREST_NEIGHBOR, &Reader::upsample},
      {Code::CONCATENATION, &Reader::concat},
      {Code::ADD, &Reader::sum},
      {Code::MUL, &Reader::scale},
      {Code::SPLIT, &Reader::split},
      {Code::SLICE, &Reader::slice},
      {Code::SOFTMAX, &Reader::softmax},
      {Code::LOGISTIC, &Reader::activation},
      {Code::RELU, &Reader::activation},
      {Code::RELU6, &Reader::activation},
      {Code::LEAKY_RELU, &Reader::activation},
      {Code::RESHAPE, &Reader::reshape},
      {Code::SQUEEZE, &Reader::reshape},
      {Code::QUANTIZE, &Reader::copy},
      {Code::DEQUANTIZE, &Reader::copy},
  };
  const Operator& op = model_.operators()[index];
  if (patterns_.is_part(index) || gone_.contains(op.outputs.front())) return;
  if (const auto* activation = patterns_.activation_at(index)) {
    return builder_.activation(node(op), map(activation->from), to(op), activation->kind);
  }
  if (const auto* groups = patterns_.groups_at(index)) return grouped(op, *groups);
  const auto found = kinds.find(op.code);
  if (found == kinds.end()) {
    model_.fail(op, "oko does not support this operator",
                "cut the model before it, at its raw heads");
  }
  (this->*found->second)(op);
}

Tensor Reader::constant(const Operator& op, std::size_t input) const {
  if (input >= op.inputs.size() || op.inputs[input] < 0) model_.fail(op, "lacks its weights");
  return model_.floats(op, patterns_.source(op.inputs[input]));
}

// The second input of a sum or product: a value per channel, channels-last.
Tensor Reader::per_channel(const Operator& op) const {
  Tensor numbers = constant(op, 1);
  if (numbers.shape.empty() || numbers.shape.back() != numbers.count()) {
    model_.fail(op, "has constants " + graph::to_string(numbers.shape) +
                        "; oko supports one value per channel");
  }
  numbers.shape = {numbers.count()};
  return numbers;
}

Tensor Reader::bias(const Operator& op) const {
  return op.inputs.size() > 2 && op.inputs[2] >= 0 ? constant(op, 2) : Tensor{};
}

graph::Activation Reader::fused(const Operator& op, Fused activation) const {
  switch (activation) {
    case Fused::NONE:
      return graph::Activation::kLinear;
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
      options.stride_h() > 1024 || options.dilation_h() != 1 || options.dilation_w() != 1) {
    model_.fail(op, "has different strides or a dilated window");
  }
  c.stride = options.stride_h();
  c.activation = fused(op, options.activation());
  if (options.padding() == oko::tflite::Padding::SAME) {
    c.padding = same_padding(in, c.size, c.stride);
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
  Tensor kernel = constant(op, 1);
  const graph::Convolution c = settings(op, builder_.padded_shape(node(op), from(op)), kernel);
  kernel =
      op.code == Code::CONV_2D ? permuted(kernel, {0, 3, 1, 2}) : permuted(kernel, {3, 0, 1, 2});
  builder_.convolution(node(op), from(op), to(op), c, std::move(kernel), bias(op));
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
  const bool inside = sides.size() == 8 && sides[0] == 0 && sides[1] == 0 && sides[6] == 0 &&
                      sides[7] == 0 &&
                      std::ranges::all_of(sides, [](int n) { return n >= 0 && n <= 1024; });
  if (!inside) model_.fail(op, "pads dimensions other than rows and columns, or by too much");
  return {sides[2], sides[4], sides[3], sides[5]};
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
  builder_.pad(node(op), from(op), to(op), padding_of(op));
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
  if (options.filter_height() != in.height || options.filter_width() != in.width ||
      options.padding() != oko::tflite::Padding::VALID) {
    model_.fail(op, "is average pooling over a window; oko supports only global average pooling");
  }
  builder_.average_pool(node(op), from(op), to(op));
}

void Reader::mean(const Operator& op) {
  const auto axes = op.inputs.size() > 1 ? model_.integers(op, op.inputs[1]) : std::vector<int>{};
  if (std::set<int>(axes.begin(), axes.end()) != std::set{1, 2}) {
    model_.fail(op, "is a mean over dimensions other than rows and columns");
  }
  builder_.average_pool(node(op), from(op), to(op));
}

void Reader::upsample(const Operator& op) {
  const Shape& in = shape(op);
  const auto& options = model_.options<oko::tflite::ResizeNearestNeighborOptions>(op);
  const auto size = op.inputs.size() > 1 ? model_.integers(op, op.inputs[1]) : std::vector<int>{};
  if (size.size() != 2) model_.fail(op, "lacks its output size");
  if (options.align_corners()) model_.fail(op, "aligns corners, which oko does not support");
  builder_.upsample(node(op), from(op), to(op),
                    decide::upsample("nearest", static_cast<double>(size[0]) / in.height,
                                     static_cast<double>(size[1]) / in.width));
}

void Reader::concat(const Operator& op) {
  const auto& options = model_.options<oko::tflite::ConcatenationOptions>(op);
  if (options.axis() != 3 && options.axis() != -1) {
    model_.fail(op, "concatenates along dimension " + std::to_string(options.axis()) +
                        "; oko supports only channels");
  }
  no_activation(op, options.activation());
  std::vector<std::string> maps;
  for (const int tensor : op.inputs) {
    if (tensor < 0 || is_constant(tensor)) model_.fail(op, "concatenates a tensor with a constant");
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
    builder_.add(node(op), {from(op), map(op.inputs[1])}, sums);
  }
  builder_.activation(node(op), sums, to(op), after);
}

void Reader::scale(const Operator& op) {
  no_activation(op, model_.options<oko::tflite::MulOptions>(op).activation());
  if (op.inputs.size() != 2 || !is_constant(op.inputs[1])) {
    model_.fail(op, "multiplies tensors; oko supports only per-channel constants");
  }
  builder_.affine(node(op), from(op), to(op), per_channel(op), {});
}

void Reader::split(const Operator& op) {
  const auto axis = model_.integers(op, op.inputs[0]);
  if (axis != std::vector{3} && axis != std::vector{-1}) {
    model_.fail(op, "slices dimensions other than channels");
  }
  if (op.inputs.size() != 2 || op.inputs[1] < 0) model_.fail(op, "reads no tensor");
  std::vector<std::string> parts;
  for (const int tensor : op.outputs) parts.push_back(map(tensor));
  builder_.split(node(op), map(op.inputs[1]), parts);
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
  if (op.code == Code::LOGISTIC) return put(graph::Activation::kLogistic);
  if (op.code != Code::LEAKY_RELU) return put(graph::Activation::kRelu);
  put(decide::leaky_relu(model_.options<oko::tflite::LeakyReluOptions>(op).alpha()));
}

void Reader::reshape(const Operator& op) { builder_.flatten(node(op), from(op), to(op), true); }

}  // namespace

Imported read_tflite(const Bytes& file, const std::string& name) {
  return Reader(file, name).read(file.text());
}

}  // namespace oko::formats

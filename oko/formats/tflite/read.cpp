#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <set>

#include "oko/base/class_list.h"
#include "oko/base/error.h"
#include "oko/formats/builder.h"
#include "oko/formats/tensor_order.h"
#include "oko/formats/tflite.h"
#include "oko/formats/tflite/about.h"
#include "oko/formats/tflite/evaluator.h"
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
  explicit Reader(std::shared_ptr<const Model> model)
      : shared_(std::move(model)), model_(*shared_), patterns_(model_), builder_(model_.file()) {}
  // With what another one has found by find_decoding().
  Reader(std::shared_ptr<const Model> model, const Reader& trial) : Reader(std::move(model)) {
    after_ = trial.after_;
    planar_ = trial.planar_;
  }

  Imported read(std::string_view file);
  // The operators that are no layers: box decoding, which no convolution depends on.
  void find_decoding();

 private:
  void name_layers();
  void add_inputs();
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
  void strided_slice(const Operator& op);
  void space_to_depth(const Operator& op);
  void bilinear(const Operator& op);
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
  // Channels first, as converters from ONNX leave tensors between convolutions.
  bool planar(int tensor) const { return planar_.contains(patterns_.source(tensor)); }
  bool planar(const Operator& op) const { return planar(op.inputs.front()); }
  // The dimensions of rows, columns and channels.
  std::array<std::size_t, 3> axes(int tensor) const {
    return planar(tensor) ? std::array<std::size_t, 3>{2, 3, 1}
                          : std::array<std::size_t, 3>{1, 2, 3};
  }
  bool is_channel_axis(int tensor, int axis) const {
    return axis == static_cast<int>(axes(tensor)[2]) || axis == (planar(tensor) ? -3 : -1);
  }
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

  void add_tail(Imported& imported) const;
  bool is_weighted_sum(const Operator& op) const;
  std::vector<bool> needed_by_network() const;
  void note_pool_padding(const Operator& op);
  void transpose(const Operator& op);
  bool turns_one_channel(const Operator& op) const;
  bool take_pixels(const Operator& op);
  bool join_pixels(const Operator& op);

  std::shared_ptr<const Model> shared_;
  const Model& model_;
  Patterns patterns_;
  NetworkBuilder builder_;
  std::set<std::size_t> after_;          // operators that are no layers
  std::map<int, std::string> names_;     // of layers whose tensors have other names
  std::map<int, Padding> pool_padding_;  // of tensors padded with the lowest value
  std::set<int> gone_;                   // tensors after a dropped operator
  std::vector<DroppedNode> dropped_;
  std::vector<int> outputs_;
  struct Spaced {
    int from = 0, first[2] = {0, 0}, step[2] = {1, 1};  // rows, columns
  };
  std::map<int, Spaced> spaced_;
  std::set<int> planar_;
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
  const bool may = op.code == Code::MAX_POOL_2D || op.code == Code::TRANSPOSE;
  if (pool_padding_.contains(tensor) && !may) {
    model_.fail(op, "reads a tensor padded with the lowest value, which only max pooling can do");
  }
  builder_.use(map(tensor));
}

// A convolution to one channel, as decoders have it: the expectation of a distribution.
bool Reader::is_weighted_sum(const Operator& op) const {
  if (op.code != Code::CONV_2D || op.inputs.size() < 2 || op.inputs[1] < 0) return false;
  const std::vector<int>& kernel = model_.sides(op.inputs[1]);
  return kernel.size() == 4 && kernel[0] == 1 && kernel[1] == 1 && kernel[2] == 1;
}

// The operators that a convolution, pool or resize depends on, and these themselves.
std::vector<bool> Reader::needed_by_network() const {
  static const std::set<Code> kNetwork{Code::CONV_2D,         Code::DEPTHWISE_CONV_2D,
                                       Code::MAX_POOL_2D,     Code::AVERAGE_POOL_2D,
                                       Code::RESIZE_BILINEAR, Code::RESIZE_NEAREST_NEIGHBOR,
                                       Code::FULLY_CONNECTED, Code::SPACE_TO_DEPTH};
  const auto& operators = model_.operators();
  std::vector<bool> needed(operators.size(), false);
  std::set<int> tensors;
  for (std::size_t i = operators.size(); i-- > 0;) {
    const Operator& op = operators[i];
    needed[i] = (kNetwork.contains(op.code) && !is_weighted_sum(op)) ||
                std::ranges::any_of(op.outputs, [&](int t) { return tensors.contains(t); });
    if (needed[i]) tensors.insert(op.inputs.begin(), op.inputs.end());
  }
  return needed;
}

// Tries to make a layer of every operator.
void Reader::find_decoding() {
  const std::vector<bool> needed = needed_by_network();
  std::optional<Error> first;
  bool any = false;
  add_inputs();
  for (std::size_t i = 0; i < model_.operators().size(); ++i) {
    const Operator& op = model_.operators()[i];
    const bool goes = std::ranges::any_of(op.inputs, [&](int t) { return gone_.contains(t); });
    const bool reshaped = op.code == Code::RESHAPE || op.code == Code::SQUEEZE;
    const bool fits =
        !goes && (!reshaped || keeps_map(op) || turns_one_channel(op) || patterns_.is_part(i));
    note_pool_padding(op);
    const auto is_layer = [&] {
      if (needed[i]) {
        add(i);
        return true;
      }
      try {
        add(i);
        return true;
      } catch (const Error& error) {
        if (!first) first = error;
        return false;
      }
    };
    if (fits && is_layer()) {
      any = true;
      continue;
    }
    if (needed[i]) {
      model_.fail(op, "changes the shape of what later layers read, which oko does not support",
                  "cut the model before it, at its raw heads");
    }
    after_.insert(i);
    gone_.insert(op.outputs.begin(), op.outputs.end());
  }
  if (!any && first) throw Error(*first);  // there is no network before it
}

// Also notes where box decoding starts, which oko does itself: the network ends there.
void Reader::count_uses() {
  const auto end_here = [&](int tensor) {
    if (is_constant(tensor) || gone_.contains(tensor)) return;
    const int source = patterns_.source(tensor);
    if (std::ranges::find(outputs_, source) == outputs_.end()) outputs_.push_back(source);
  };
  for (std::size_t i = 0; i < model_.operators().size(); ++i) {
    const Operator& op = model_.operators()[i];
    const bool retyped = op.code == Code::QUANTIZE || op.code == Code::DEQUANTIZE;
    if (after_.contains(i)) {
      dropped_.push_back({builder_.place(model_.node(op)), op.kind});
      std::ranges::for_each(op.inputs, [&](int t) {
        if (t >= 0) end_here(t);
      });
      gone_.insert(op.outputs.begin(), op.outputs.end());
      continue;
    }
    if (retyped || patterns_.is_part(i)) continue;
    note_pool_padding(op);
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

void Reader::add_inputs() {
  for (const int tensor : model_.inputs()) {
    Operator input;
    input.kind = "input";
    input.outputs = {tensor};
    const std::vector<int>& sides = model_.sides(tensor);
    constexpr int kMostChannels = 4;
    Shape shape = model_.map_shape(input, tensor);
    if (sides.size() == 4 && sides[1] <= kMostChannels && sides[3] > kMostChannels) {
      shape = {sides[1], sides[2], sides[3]};
      planar_.insert(tensor);
    }
    builder_.input(map(tensor), shape);
  }
}

Imported Reader::read(std::string_view file) {
  name_layers();
  add_inputs();
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
  if (imported.outputs.size() == outputs_.size()) add_tail(imported);
  const std::string description = model_.metadata(kDescriptionKey);
  if (!description.empty()) {
    apply_description(imported, description, name + ": metadata \"" + kDescriptionKey + "\"");
  } else {
    read_labels(imported, file);
  }
  return imported;
}

// The operators after the network, for values of its outputs.
void Reader::add_tail(Imported& imported) const {
  if (after_.empty()) return;
  std::vector<Shape> shapes;
  for (const int output : imported.outputs) {
    shapes.push_back(imported.network.layers[output].output);
  }
  for (const std::size_t i : after_) {
    for (const int tensor : model_.operators()[i].inputs) {
      if (!is_constant(tensor)) continue;
      const TensorType type = model_.type_of(patterns_.source(tensor));
      const bool bytes = type == TensorType::INT8 || type == TensorType::UINT8;
      const float rounding = bytes                         ? kByteRounding
                             : type == TensorType::FLOAT16 ? kHalfRounding
                                                           : 0;
      imported.tail_rounding = std::max(imported.tail_rounding, rounding);
    }
  }
  std::vector<bool> first;  // channels
  for (const int tensor : outputs_) first.push_back(planar(tensor));
  imported.tail = [model = shared_, after = after_, outputs = outputs_, shapes, first,
                   sources = patterns_](const std::vector<std::vector<float>>& maps) {
    Evaluator evaluator(*model);
    const auto as_in_file = [&](std::size_t i) {
      const Tensor planes =
          Tensor::of(maps[i], {1, shapes[i].channels, shapes[i].height, shapes[i].width});
      return first[i] ? planes : permuted(planes, {0, 2, 3, 1});
    };
    for (std::size_t i = 0; i < maps.size(); ++i) evaluator.set(outputs[i], as_in_file(i));
    // Its constants may be stored as float16 or bytes.
    std::set<int> read;
    for (const std::size_t i : after) {
      read.insert(model->operators()[i].inputs.begin(), model->operators()[i].inputs.end());
    }
    for (const Operator& op : model->operators()) {
      const bool retyped = op.code == Code::QUANTIZE || op.code == Code::DEQUANTIZE;
      if (retyped && read.contains(op.outputs.front()) && model->is_constant(op.inputs.front())) {
        evaluator.run(op);
      }
    }
    // The same in floats or int8.
    for (int tensor = 0; tensor < static_cast<int>(model->tensor_count()); ++tensor) {
      const Tensor* same = evaluator.find(sources.source(tensor));
      if (same != nullptr) evaluator.set(tensor, Tensor(*same));
    }
    std::vector<Tensor> results, others;
    for (const std::size_t i : after) {
      const Operator& op = model->operators()[i];
      if (!evaluator.run(op)) continue;
      for (const int tensor : op.outputs) others.push_back(*evaluator.find(tensor));
    }
    for (const int tensor : model->outputs()) {
      if (const Tensor* found = evaluator.find(tensor)) results.push_back(*found);
    }
    results.insert(results.end(), others.rbegin(), others.rend());
    return results;
  };
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
  };
  const Operator& op = model_.operators()[index];
  if (patterns_.is_part(index) || gone_.contains(op.outputs.front())) return;
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
  const auto found = kinds.find(op.code);
  if (found == kinds.end()) {
    model_.fail(op, "oko does not support this operator",
                "cut the model before it, at its raw heads");
  }
  (this->*found->second)(op);
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
    builder_.add(node(op), {from(op), map(op.inputs[1])}, sums);
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
  Spaced spaced;
  if (before != spaced_.end()) spaced = before->second;
  if (before == spaced_.end()) spaced.from = op.inputs.front();
  const Shape& in = builder_.shape(node(op), map(spaced.from));
  const auto& options = model_.options<oko::tflite::StridedSliceOptions>(op);
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::size_t i = axis == 0 ? rows : columns;
    if (steps[i] == 1) continue;
    const int side = axis == 0 ? in.height : in.width;
    const int begin = (options.begin_mask() >> i & 1) != 0 ? 0 : begins[i];
    const bool whole = (options.end_mask() >> i & 1) != 0 || ends[i] >= side;
    if (steps[i] < 1 || steps[i] > 1024 || begin < 0 || begin >= steps[i] || !whole ||
        spaced.step[axis] != 1) {
      model_.fail(op, "slices dimensions other than channels");
    }
    spaced.first[axis] = begin;
    spaced.step[axis] = steps[i];
  }
  spaced_[op.outputs.front()] = spaced;
  return true;
}

bool Reader::join_pixels(const Operator& op) {
  std::vector<const Spaced*> parts;
  for (const int input : op.inputs) {
    const auto found = spaced_.find(input);
    if (found == spaced_.end()) return false;
    parts.push_back(&found->second);
  }
  const int block = parts.empty() ? 0 : parts[0]->step[0];
  if (block < 1 || std::ssize(parts) != std::int64_t{block} * block) return false;
  using Order = graph::SpaceToDepth::Order;
  for (const Order order : {Order::kRows, Order::kColumns}) {
    bool fits = true;
    for (int i = 0; i < std::ssize(parts); ++i) {
      const Spaced& part = *parts[i];
      fits &= part.from == parts[0]->from && part.step[0] == block && part.step[1] == block &&
              part.first[0] == (order == Order::kRows ? i / block : i % block) &&
              part.first[1] == (order == Order::kRows ? i % block : i / block);
    }
    if (!fits) continue;
    builder_.space_to_depth(node(op), map(parts[0]->from), to(op), {block, order});
    return true;
  }
  return false;
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

}  // namespace

Imported read_tflite(const Bytes& file, const std::string& name) {
  const auto model = std::make_shared<const Model>(file, name);
  Reader trial(model);
  trial.find_decoding();
  return Reader(model, trial).read(file.text());
}

}  // namespace oko::formats

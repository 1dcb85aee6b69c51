#include "oko/formats/tensorflow/nodes.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "oko/base/error.h"
#include "oko/formats/tensor_order.h"

namespace oko::formats {

using graph::Activation;
using graph::Padding;
using graph::Shape;
using graph::Tensor;

namespace {

const std::map<std::string_view, Activation>& activations() {
  static const std::map<std::string_view, Activation> kActivations{
      {"Relu", Activation::kRelu},
      {"Relu6", Activation::kRelu6},
      {"Sigmoid", Activation::kLogistic},
      {"LeakyRelu", Activation::kLeaky}};
  return kActivations;
}

}  // namespace

bool has_weights(const std::string& operation) {
  return operation == "Conv2D" || operation == "DepthwiseConv2dNative" || operation == "MatMul";
}

bool is_known(const std::string& operation) {
  static const std::set<std::string_view> kOthers{"Placeholder",
                                                  "Const",
                                                  "Identity",
                                                  "FusedBatchNorm",
                                                  "FusedBatchNormV2",
                                                  "FusedBatchNormV3",
                                                  "BiasAdd",
                                                  "Add",
                                                  "AddV2",
                                                  "Sub",
                                                  "Mul",
                                                  "RealDiv",
                                                  "Maximum",
                                                  "MaxPool",
                                                  "Mean",
                                                  "ResizeNearestNeighbor",
                                                  "ConcatV2",
                                                  "Split",
                                                  "Pad",
                                                  "PadV2",
                                                  "Reshape",
                                                  "Squeeze",
                                                  "Softmax"};
  return has_weights(operation) || kOthers.contains(operation) || activations().contains(operation);
}

std::optional<SpelledActivation> spelled_activation(const TfGraph& graph, TfConstants& constants,
                                                    const TfNode& node) {
  const std::vector<std::string> maps = TfGraph::inputs(node);
  if (maps.size() != 2 || (node.op() != "Maximum" && node.op() != "Mul")) return std::nullopt;
  for (const std::size_t i : {0U, 1U}) {
    const std::string &x = maps[i], &other = maps[1 - i];
    const TfNode* maker = graph.maker(other);
    if (maker == nullptr) continue;
    const std::vector<std::string> inner = TfGraph::inputs(*maker);
    if (node.op() == "Maximum" && maker->op() == "Mul" && inner.size() == 2) {
      for (const std::size_t k : {0U, 1U}) {
        const auto slope = constants.scalar(inner[1 - k]);
        if (inner[k] != x || !slope) continue;
        const auto leaky = decide::leaky_relu(static_cast<float>(*slope));
        if (const auto* kind = std::get_if<Activation>(&leaky)) return SpelledActivation{*kind, x};
      }
    }
    if (node.op() != "Mul" || inner.size() != 1) continue;
    if (maker->op() == "Sigmoid" && inner[0] == x) return SpelledActivation{Activation::kSwish, x};
    const TfNode* deeper = maker->op() == "Tanh" ? graph.maker(inner[0]) : nullptr;
    if (deeper != nullptr && deeper->op() == "Softplus" &&
        TfGraph::inputs(*deeper) == std::vector{x}) {
      return SpelledActivation{Activation::kMish, x};
    }
  }
  return std::nullopt;
}

bool TfMaker::refuse(std::string why) {
  refusal_ = std::move(why);
  return false;
}

void TfMaker::fail(const TfNode& node, std::string message, std::string hint) const {
  throw input_error(graph_.place(node), std::move(message), std::move(hint));
}

std::string TfMaker::map(const TfNode& node, std::size_t input) const {
  std::vector<std::string> maps = TfGraph::inputs(node);
  if (input < maps.size()) return std::move(maps[input]);
  fail(node, "has " + std::to_string(maps.size()) + " inputs, too few",
       "the file is damaged: export the graph again");
}

const Shape& TfMaker::shape(const TfNode& node, const std::string& map) const {
  return builder_.shape(node_of(node), map);
}

Tensor TfMaker::weight(const TfNode& node, std::size_t input, std::size_t rank) const {
  const Tensor* tensor = constants_.find(map(node, input));
  if (tensor == nullptr || tensor->dtype != graph::DType::kF32) {
    fail(node, "its weights \"" + map(node, input) + "\" are not a constant in the file",
         "freeze the graph: variables must become constants");
  }
  if (tensor->shape.size() == rank) return *tensor;
  fail(node, "its weights " + graph::to_string(tensor->shape) + " should have " +
                 std::to_string(rank) + " dimensions");
}

std::optional<Tensor> TfMaker::per_channel(const TfNode& node, const std::string& constant,
                                           const std::string& map) const {
  const Tensor* tensor = constants_.find(constant);
  if (tensor == nullptr || tensor->dtype != graph::DType::kF32) return std::nullopt;
  const std::int64_t channels = shape(node, map).channels;
  if (tensor->count() == 1) return filled(tensor->floats()[0], channels);
  if (tensor->count() != channels) return std::nullopt;
  // One dimension is the channels': the last one, or, with three or four, where the tensor has
  // them.
  const std::size_t rank = tensor->shape.size();
  const std::size_t side = channels_first_ && rank >= 3 ? rank - 3 : rank - 1;
  if (tensor->shape[side] != channels) return std::nullopt;
  return Tensor{tensor->dtype, {channels}, tensor->data};
}

int TfMaker::square(const TfNode& node, const char* name, int fallback) const {
  const auto* value = attribute(node, name);
  if (value == nullptr || value->list().i_size() == 0) return fallback;
  const auto& list = value->list();
  const int rows = channels_first_ ? 2 : 1, columns = rows + 1;
  if (list.i_size() != 4) fail(node, std::string(name) + " does not have 4 values");
  for (int i = 0; i < 4; ++i) {
    const bool inside = i == rows || i == columns;
    if (list.i(i) < 1 || list.i(i) > 4096 || (!inside && list.i(i) != 1)) {
      fail(node, std::string(name) + " contains " + std::to_string(list.i(i)));
    }
  }
  if (list.i(rows) != list.i(columns)) {
    fail(node, std::string(name) + " " + std::to_string(list.i(rows)) + "x" +
                   std::to_string(list.i(columns)) + " is not square, which oko needs");
  }
  return static_cast<int>(list.i(rows));
}

TfMaker::Window TfMaker::window(const TfNode& node, int size, bool pads_here) const {
  Window window{size, square(node, "strides", 1), {}};
  const std::string padding = text(node, "padding", ""), from = map(node, 0);
  if (padding == "SAME") {
    window.padding = same_padding(builder_.padded_shape(node_of(node), from), size, window.stride);
  } else if (padding == "EXPLICIT" && pads_here) {
    const auto* list = attribute(node, "explicit_paddings");
    if (list == nullptr || list->list().i_size() != 8) fail(node, "has no explicit paddings");
    const int rows = channels_first_ ? 4 : 2;
    int sides[4];
    for (int i = 0; i < 4; ++i) {
      const std::int64_t n = list->list().i(rows + i);
      if (n < 0 || n > 1024) fail(node, "padding " + std::to_string(n) + " is not in 0…1024");
      sides[i] = static_cast<int>(n);
    }
    window.padding = {sides[0], sides[2], sides[1], sides[3]};
  } else if (padding != "VALID") {
    fail(node, "unknown padding \"" + padding + "\"");
  }
  return window;
}

bool TfMaker::convolution(const TfNode& node) {
  const bool depthwise = node.op() != "Conv2D";
  Tensor kernel = permuted(weight(node, 1, 4), depthwise ? std::initializer_list<int>{2, 3, 0, 1}
                                                         : std::initializer_list<int>{3, 2, 0, 1});
  const std::string from = map(node, 0);
  const std::int64_t channels = shape(node, from).channels;
  if (depthwise) {
    kernel.shape = {kernel.shape[0] * kernel.shape[1], 1, kernel.shape[2], kernel.shape[3]};
  }
  const std::int64_t inside = kernel.shape[1], filters = kernel.shape[0];
  if (inside < 1 || channels % inside != 0 || filters < 1 || filters > (1 << 20) ||
      kernel.shape[2] < 1 || kernel.shape[2] > 4096 || kernel.shape[2] != kernel.shape[3]) {
    fail(node, "the kernel " + graph::to_string(kernel.shape) +
                   " (out, in, rows, columns) does not fit " + std::to_string(channels) +
                   " channels, or is not square");
  }
  if (square(node, "dilations", 1) != 1) return refuse("is dilated, which oko does not support");
  const Window w = window(node, static_cast<int>(kernel.shape[2]), true);
  graph::Convolution convolution;
  convolution.filters = static_cast<int>(filters);
  convolution.size = w.size;
  convolution.stride = w.stride;
  convolution.groups = static_cast<int>(channels / inside);
  convolution.padding = w.padding;
  builder_.convolution(node_of(node), from, node.name(), convolution, std::move(kernel), {});
  return true;
}

bool TfMaker::batch_norm(const TfNode& node) {
  if (flag(node, "is_training", true)) {
    fail(node, "computes its statistics from the input, as in training",
         "export the graph for inference (is_training=False)");
  }
  const auto* epsilon = attribute(node, "epsilon");
  builder_.batch_norm(node_of(node), map(node, 0), node.name(),
                      epsilon == nullptr ? 1e-4F : epsilon->f(), weight(node, 1, 1),
                      weight(node, 2, 1), weight(node, 3, 1), weight(node, 4, 1));
  return true;
}

// A sum of tensors, or a per-channel operation with a constant. A decomposed batch norm ends as Mul
// and Add (or Sub) with constants; the scale is folded into the convolution like a batch norm.
bool TfMaker::arithmetic(const TfNode& node) {
  std::string a = map(node, 0), b = map(node, 1);
  const std::string& op = node.op();
  const bool is_sum = op == "Add" || op == "AddV2" || op == "BiasAdd";
  if (builder_.has(a) && builder_.has(b)) {
    if (!is_sum) return refuse("multiplies or compares two tensors");
    builder_.add(node_of(node), {a, b}, node.name());
    return true;
  }
  const bool turned = !builder_.has(a);
  if (turned) std::swap(a, b);
  if (turned && (op == "Sub" || op == "RealDiv"))
    return refuse("has its operands the other way round");
  auto numbers = per_channel(node, b, a);
  if (!numbers) return refuse("is not per channel");
  std::vector<float> values(numbers->floats().begin(), numbers->floats().end());
  for (float& v : values) v = op == "Sub" ? -v : op == "RealDiv" ? 1 / v : v;
  const auto channels = static_cast<std::int64_t>(values.size());
  Tensor tensor = Tensor::of(std::move(values), {channels});
  if (is_sum || op == "Sub") {
    builder_.affine(node_of(node), a, node.name(), {}, std::move(tensor));
  } else {
    builder_.batch_norm(node_of(node), a, node.name(), 0, std::move(tensor), filled(0, channels),
                        filled(0, channels), filled(1, channels));
  }
  return true;
}

bool TfMaker::activation(const TfNode& node) {
  if (const auto spelled = spelled_activation(graph_, constants_, node)) {
    builder_.activation(node_of(node), spelled->from, node.name(), spelled->activation);
    return true;
  }
  const auto found = activations().find(node.op());
  if (found == activations().end()) return refuse("is not an activation that oko supports");
  Decision<Activation> activation = found->second;
  if (node.op() == "LeakyRelu") {
    const auto* slope = attribute(node, "alpha");
    activation = decide::leaky_relu(slope == nullptr ? .2F : slope->f());
  }
  if (const auto* refusal = std::get_if<Refusal>(&activation)) return refuse(refusal->message);
  builder_.activation(node_of(node), map(node, 0), node.name(), activation);
  return true;
}

bool TfMaker::max_pool(const TfNode& node) {
  const Window w = window(node, square(node, "ksize", 1), false);
  builder_.max_pool(node_of(node), map(node, 0), node.name(), {w.size, w.stride, w.padding});
  return true;
}

bool TfMaker::mean(const TfNode& node) {
  const auto axes = constants_.integers(map(node, 1));
  std::set<std::int64_t> sides;
  for (const std::int64_t axis : axes.value_or(std::vector<std::int64_t>{})) {
    sides.insert(axis < 0 ? axis + 4 : axis);
  }
  if (sides != (channels_first_ ? std::set<std::int64_t>{2, 3} : std::set<std::int64_t>{1, 2})) {
    return refuse("is not a mean over rows and columns");
  }
  builder_.average_pool(node_of(node), map(node, 0), node.name());
  return true;
}

bool TfMaker::resize(const TfNode& node) {
  const std::string from = map(node, 0);
  const auto size = constants_.integers(map(node, 1));
  if (!size || size->size() != 2) return refuse("has a size that is not constant");
  const Shape& in = shape(node, from);
  // Half-pixel centres make no difference for integer factors; aligned corners do.
  if (flag(node, "align_corners", false))
    return refuse("aligns corners, which oko does not support");
  const auto upsample = decide::upsample("nearest", static_cast<double>((*size)[0]) / in.height,
                                         static_cast<double>((*size)[1]) / in.width);
  if (const auto* refusal = std::get_if<Refusal>(&upsample)) return refuse(refusal->message);
  builder_.upsample(node_of(node), from, node.name(), upsample);
  return true;
}

bool TfMaker::concat(const TfNode& node) {
  std::vector<std::string> maps = TfGraph::inputs(node);
  const auto axis = constants_.integers(maps.empty() ? "" : maps.back());
  if (!axis || axis->size() != 1 || !is_channel_axis((*axis)[0])) {
    return refuse("does not concatenate channels");
  }
  maps.pop_back();
  if (!std::ranges::all_of(maps, [&](const std::string& m) { return builder_.has(m); })) {
    return refuse("concatenates a constant");
  }
  builder_.concat(node_of(node), maps, node.name());
  return true;
}

bool TfMaker::split(const TfNode& node) {
  const auto axis = constants_.integers(map(node, 0));
  const auto* parts = attribute(node, "num_split");
  const std::int64_t count = parts == nullptr ? 0 : parts->i();
  const std::string from = map(node, 1);
  if (!axis || axis->size() != 1 || !is_channel_axis((*axis)[0]) || count < 1 || count > 64) {
    return refuse("does not split channels");
  }
  std::vector<std::string> to{node.name()};
  for (int i = 1; i < count; ++i) to.push_back(node.name() + ":" + std::to_string(i));
  builder_.split(node_of(node), from, to);
  return true;
}

bool TfMaker::pad(const TfNode& node) {
  const auto sides = constants_.integers(map(node, 1));
  if (!sides || sides->size() != 8) return refuse("does not pad a tensor by constant amounts");
  const std::size_t rows = channels_first_ ? 4 : 2;
  for (std::size_t i = 0; i < 8; ++i) {
    const bool inside = i >= rows && i < rows + 4;
    const std::int64_t n = (*sides)[i];
    if (n < 0 || n > 1024 || (!inside && n != 0)) return refuse("pads by " + std::to_string(n));
  }
  if (node.op() == "PadV2" && constants_.scalar(map(node, 2)) != 0.) {
    return refuse("does not pad with zeros");
  }
  const auto side = [&](std::size_t i) { return static_cast<int>((*sides)[rows + i]); };
  builder_.pad(node_of(node), map(node, 0), node.name(), {side(0), side(2), side(1), side(3)});
  return true;
}

bool TfMaker::reshape(const TfNode& node) {
  const std::string from = map(node, 0);
  const Shape& in = shape(node, from);
  const auto target = node.op() == "Reshape" ? constants_.integers(map(node, 1))
                                             : std::optional{std::vector<std::int64_t>{}};
  const auto wide = [](std::int64_t side) { return side != 1; };
  if (in.height * in.width == 1 && target && std::ranges::count_if(*target, wide) <= 2) {
    builder_.identity(node_of(node), from, node.name());  // [batch, channels] in some form
    return true;
  }
  if (node.op() != "Reshape" || !target || target->size() != 2 ||
      ((*target)[1] != -1 && (*target)[1] != in.count())) {
    return refuse("reshapes " + graph::to_string(in));
  }
  builder_.flatten(node_of(node), from, node.name(), !channels_first_);
  return true;
}

bool TfMaker::matmul(const TfNode& node) {
  if (flag(node, "transpose_a", false)) return refuse("transposes its first input (transpose_a)");
  Tensor kernel = weight(node, 1, 2);
  if (!flag(node, "transpose_b", false)) kernel = permuted(kernel, {1, 0});
  builder_.dense(node_of(node), map(node, 0), node.name(), std::move(kernel), {});
  return true;
}

bool TfMaker::softmax(const TfNode& node) {
  const std::string from = map(node, 0);
  const Shape& in = shape(node, from);
  if (in.height * in.width != 1)
    return refuse("is over " + graph::to_string(in) + ", not a vector");
  builder_.softmax(node_of(node), from, node.name());
  return true;
}

bool TfMaker::make(const TfNode& node) {
  using Make = bool (TfMaker::*)(const TfNode&);
  static const std::map<std::string_view, Make> kMakers{
      {"Conv2D", &TfMaker::convolution},
      {"DepthwiseConv2dNative", &TfMaker::convolution},
      {"FusedBatchNorm", &TfMaker::batch_norm},
      {"FusedBatchNormV2", &TfMaker::batch_norm},
      {"FusedBatchNormV3", &TfMaker::batch_norm},
      {"BiasAdd", &TfMaker::arithmetic},
      {"Add", &TfMaker::arithmetic},
      {"AddV2", &TfMaker::arithmetic},
      {"Sub", &TfMaker::arithmetic},
      {"Mul", &TfMaker::arithmetic},
      {"RealDiv", &TfMaker::arithmetic},
      {"MaxPool", &TfMaker::max_pool},
      {"Mean", &TfMaker::mean},
      {"ResizeNearestNeighbor", &TfMaker::resize},
      {"ConcatV2", &TfMaker::concat},
      {"Split", &TfMaker::split},
      {"Pad", &TfMaker::pad},
      {"PadV2", &TfMaker::pad},
      {"Reshape", &TfMaker::reshape},
      {"Squeeze", &TfMaker::reshape},
      {"MatMul", &TfMaker::matmul},
      {"Softmax", &TfMaker::softmax}};
  if (!is_known(node.op())) return refuse("oko does not support this operation");
  if (node.op() == "Identity") {
    builder_.identity(node_of(node), map(node, 0), node.name());
    return true;
  }
  if (activations().contains(node.op()) || spelled_activation(graph_, constants_, node)) {
    return activation(node);
  }
  const auto found = kMakers.find(node.op());
  if (found == kMakers.end()) return refuse("oko does not support this operation");
  return (this->*found->second)(node);
}

}  // namespace oko::formats

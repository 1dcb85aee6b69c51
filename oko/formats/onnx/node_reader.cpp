#include "oko/formats/onnx/node_reader.h"

#include <algorithm>
#include <cmath>

#include "oko/base/error.h"
#include "oko/formats/onnx/parse.h"

namespace oko::formats {

using graph::Activation;
using graph::Shape;
using graph::Tensor;

void NodeReader::fail(const OnnxNode& node, std::string message, std::string hint) const {
  throw input_error(builder_.place(node.id), std::move(message), std::move(hint));
}

void NodeReader::input(const std::string& map, const Shape& shape, bool channels_last) {
  const std::string first = channels_last ? map + ", channels first" : map;
  builder_.input(first, shape);
  if (channels_last) channels_last_[map] = first;
}

bool NodeReader::is_map(const std::string& name) const {
  return builder_.has(name) || channels_last_.contains(name) || grouped_.contains(name);
}

bool NodeReader::is_only_a_view(const std::string& name) const {
  if (channels_last_.contains(name) || grouped_.contains(name)) return true;
  if (!rows_.contains(name)) return false;
  const Shape& shape = builder_.shape({name, "output"}, name);
  return shape.height * shape.width != 1;
}

std::vector<std::int64_t> NodeReader::file_shape(const OnnxNode& node,
                                                 const std::string& map) const {
  const auto last = channels_last_.find(map);
  const Shape& s = builder_.shape(node.id, last == channels_last_.end() ? map : last->second);
  if (last != channels_last_.end()) return {1, s.height, s.width, s.channels};
  if (rows_.contains(map)) return {1, s.count()};
  return {1, s.channels, s.height, s.width};
}

const std::string& NodeReader::map_input(const OnnxNode& node, std::size_t i) const {
  if (!node.has_input(i)) fail(node, "lacks input " + std::to_string(i + 1));
  const std::string& name = node.inputs[i];
  if (builder_.has(name)) return name;
  if (channels_last_.contains(name)) {
    fail(node, "reads a channels-last tensor", "export the model channels-first");
  }
  fail(node, "input " + std::to_string(i + 1) + " should be a tensor of the network, but \"" +
                 name + "\" is not");
}

bool NodeReader::constant_input(const OnnxNode& node, std::size_t i) const {
  return node.has_input(i) && constants_.has(node.inputs[i]);
}

Tensor NodeReader::weight(const OnnxNode& node, std::size_t i, const char* what) {
  if (!constant_input(node, i)) {
    fail(node, std::string(what) + " is not constant", "export the model with constants folded");
  }
  const Tensor& tensor = constants_.get(node.inputs[i]);
  if (tensor.dtype != graph::DType::kF32) fail(node, std::string(what) + " holds integers");
  for (const float value : tensor.floats()) {
    if (!std::isfinite(value)) {
      fail(node, std::string(what) + " contains a value that is not finite",
           "the model diverged, or the file is damaged");
    }
  }
  return tensor;
}

// A constant with one value, or one per channel in the layout of `map` in the file.
Tensor NodeReader::per_channel(const OnnxNode& node, const std::string& map,
                               const Tensor& constant) const {
  const std::int64_t channels = builder_.shape(node.id, map).channels;
  const auto values = constant.floats();
  if (values.size() == 1) {
    return Tensor::of(std::vector<float>(static_cast<std::size_t>(channels), values[0]),
                      {channels});
  }
  std::vector<std::int64_t> wanted{1, channels, 1, 1};
  if (rows_.contains(map)) wanted = {1, channels};
  std::vector<std::int64_t> shape = constant.shape;
  if (shape.size() + 1 == wanted.size()) shape.insert(shape.begin(), 1);
  if (shape != wanted) {
    fail(node, "combines a tensor with constants of shape " + graph::to_string(constant.shape) +
                   "; oko supports a single value or " + graph::to_string(wanted));
  }
  Tensor result = constant;
  result.shape.assign(1, channels);  // GCC 14 warns of a read past the end of a one-element list
  return result;
}

void NodeReader::keep_form(const std::string& from, const std::string& to) {
  if (rows_.contains(from)) rows_.insert(to);
}

// From an attribute, or in newer models an input. Negative ones count from the end of four.
std::vector<std::int64_t> NodeReader::axes(const OnnxNode& node, std::size_t input) {
  std::vector<std::int64_t> axes = node.integers("axes");
  if (axes.empty() && constant_input(node, input)) axes = constants_.integers(node, input);
  for (std::int64_t& axis : axes) axis += axis < 0 ? 4 : 0;
  std::ranges::sort(axes);
  return axes;
}

void NodeReader::read(const OnnxNode& node, const std::set<std::string, std::less<>>& wanted) {
  using Read = void (NodeReader::*)(const OnnxNode&);
  static const std::map<std::string_view, Read> readers{
      {"Conv", &NodeReader::convolution},
      {"BatchNormalization", &NodeReader::batch_norm},
      {"LeakyRelu", &NodeReader::leaky},
      {"Clip", &NodeReader::clip},
      {"MaxPool", &NodeReader::max_pool},
      {"GlobalAveragePool", &NodeReader::average_pool},
      {"AveragePool", &NodeReader::average_pool},
      {"ReduceMean", &NodeReader::reduce_mean},
      {"Resize", &NodeReader::resize},
      {"Upsample", &NodeReader::resize},
      {"Concat", &NodeReader::concat},
      {"Add", &NodeReader::add},
      {"Sum", &NodeReader::add},
      {"Sub", &NodeReader::add},
      {"Mul", &NodeReader::add},
      {"Div", &NodeReader::add},
      {"Slice", &NodeReader::slice},
      {"Gather", &NodeReader::gather},
      {"SpaceToDepth", &NodeReader::space_to_depth},
      {"HardSigmoid", &NodeReader::hard_sigmoid},
      {"Elu", &NodeReader::elu},
      {"Pad", &NodeReader::pad},
      {"Identity", &NodeReader::identity},
      {"Dropout", &NodeReader::identity},
      {"Cast", &NodeReader::identity},
      {"Flatten", &NodeReader::reshape},
      {"Reshape", &NodeReader::reshape},
      {"Squeeze", &NodeReader::squeeze},
      {"Transpose", &NodeReader::transpose},
      {"Gemm", &NodeReader::dense},
      {"MatMul", &NodeReader::dense},
      {"Softmax", &NodeReader::softmax}};
  static const std::map<std::string_view, Activation> activations{
      {"Relu", Activation::kRelu},   {"Sigmoid", Activation::kLogistic},
      {"Tanh", Activation::kTanh},   {"HardSwish", Activation::kHardSwish},
      {"Swish", Activation::kSwish}, {"Mish", Activation::kMish}};
  if (node.outputs.empty()) fail(node, "has no output");
  if (attention(node, wanted)) return;
  const auto simple = activations.find(node.id.kind);
  if (simple != activations.end()) return activation(node, simple->second);
  if (node.id.kind == "Split") return split(node, wanted);
  const auto reader = readers.find(node.id.kind);
  if (reader == readers.end()) {
    fail(node, "this operation is not supported",
         "replace it before exporting, or export the model without it");
  }
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    if (wanted.contains(node.outputs[i])) {
      fail(node, "its output " + std::to_string(i + 1) + " is used, which is not supported");
    }
  }
  (this->*reader->second)(node);
}

// --- activations ---

void NodeReader::activation(const OnnxNode& node, const Decision<Activation>& kind) {
  const std::string& from = map_input(node);
  builder_.activation(node.id, from, node.outputs[0], kind);
  keep_form(from, node.outputs[0]);
}

void NodeReader::leaky(const OnnxNode& node) {
  activation(node, decide::leaky_relu(node.number("alpha", .01F)));
}

void NodeReader::hard_sigmoid(const OnnxNode& node) {
  activation(node, decide::hard_sigmoid(node.number("alpha", .2F), node.number("beta", .5F)));
}

void NodeReader::elu(const OnnxNode& node) {
  activation(node, decide::elu(node.number("alpha", 1)));
}

void NodeReader::clip(const OnnxNode& node) {
  float low = node.number("min", -INFINITY), high = node.number("max", INFINITY);
  const auto bound = [&](std::size_t i, float& value) {
    if (!node.has_input(i)) return;
    if (!constant_input(node, i)) fail(node, "its bounds are not constant");
    const std::vector<float> values = constants_.numbers(node, i);
    if (values.size() != 1) fail(node, "a bound is not a single value");
    value = values[0];
  };
  bound(1, low);
  bound(2, high);
  activation(node, decide::clip(low, high));
}

// --- concatenating and slicing ---

// A map and zeros as more channels, which a constant has.
bool NodeReader::add_zeros(const OnnxNode& node) {
  if (node.inputs.size() != 2 || !constant_input(node, 0) == !constant_input(node, 1)) return false;
  const std::size_t constant = constant_input(node, 0) ? 0 : 1;
  const std::int64_t axis = node.integer("axis", 1);
  const Tensor& zeros = constants_.get(node.inputs[constant]);
  const std::string& from = map_input(node, 1 - constant);
  const Shape& shape = builder_.shape(node.id, from);
  if ((axis != 1 && axis != -3) || rows_.contains(from) || zeros.dtype != graph::DType::kF32 ||
      zeros.shape.size() != 4 || zeros.shape[0] != 1 || zeros.shape[2] != shape.height ||
      zeros.shape[3] != shape.width ||
      std::ranges::any_of(zeros.floats(), [](float value) { return value != 0; })) {
    return false;
  }
  const std::int64_t count = zeros.shape[1];
  builder_.pad_channels(node.id, from, node.outputs[0], constant == 0 ? count : 0,
                        constant == 0 ? 0 : count);
  return true;
}

void NodeReader::concat(const OnnxNode& node) {
  if (join_pixels(node) || add_zeros(node)) return;
  const std::int64_t axis = node.integer("axis", 1);
  std::vector<std::string> from;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    from.push_back(map_input(node, i));
    if (rows_.contains(from.back())) fail(node, "concatenates vectors, not feature maps");
  }
  if (axis != 1 && axis != -3) {
    fail(node,
         "concatenates along axis " + std::to_string(axis) + "; oko supports only channels (1)");
  }
  if (from.size() == 1) return builder_.identity(node.id, from[0], node.outputs[0]);
  builder_.concat(node.id, from, node.outputs[0]);
}

void NodeReader::add(const OnnxNode& node) {
  for (std::size_t i = 0; node.inputs.size() == 2 && i < 2; ++i) {
    if (constant_input(node, i)) return affine(node, 1 - i, i);
  }
  const bool product = node.id.kind == "Mul";
  if (node.id.kind != "Add" && node.id.kind != "Sum" && !product) {
    fail(node, "combines two tensors by " + node.id.kind + ", which is not supported",
         "oko can add and multiply tensors but not subtract or divide them");
  }
  std::vector<std::string> from;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) from.push_back(map_input(node, i));
  if (from.size() == 1) return identity(node);
  if (product) {
    builder_.product(node.id, from, node.outputs[0]);
  } else {
    builder_.add(node.id, from, node.outputs[0]);
  }
  keep_form(from[0], node.outputs[0]);
}

void NodeReader::affine(const OnnxNode& node, std::size_t map, std::size_t constant) {
  const std::string& from = map_input(node, map);
  const std::string& kind = node.id.kind;
  Tensor values = per_channel(node, from, weight(node, constant, "the constant"));
  const bool sum = kind == "Add" || kind == "Sum" || kind == "Sub";
  if (constant == 0 && (kind == "Sub" || kind == "Div"))
    fail(node, "subtracts from or divides a constant");
  if (kind == "Sub" || kind == "Div") {
    std::vector<float> turned(values.floats().begin(), values.floats().end());
    for (float& value : turned) {
      value = kind == "Sub" ? -value : static_cast<float>(1 / static_cast<double>(value));
      if (!std::isfinite(value)) fail(node, "divides by 0");
    }
    values = Tensor::of(std::move(turned), values.shape);
  }
  builder_.affine(node.id, from, node.outputs[0], sum ? Tensor{} : values, sum ? values : Tensor{});
  keep_form(from, node.outputs[0]);
}

void NodeReader::split(const OnnxNode& node, const std::set<std::string, std::less<>>& wanted) {
  const std::string& from = map_input(node);
  const std::int64_t axis = node.integer("axis", 0);
  if ((axis != 1 && axis != -3) || rows_.contains(from)) {
    fail(node, "splits along axis " + std::to_string(axis) + "; oko supports only channels (1)");
  }
  std::vector<std::int64_t> sizes = node.integers("split");
  if (constant_input(node, 1)) sizes = constants_.integers(node, 1);
  std::vector<std::string> to = node.outputs;
  for (std::string& part : to) {
    if (!wanted.contains(part)) part.clear();
  }
  builder_.split(node.id, from, to, sizes);
}

void NodeReader::slice(const OnnxNode& node) {
  const auto argument = [&](std::size_t input, const char* attribute) {
    if (constant_input(node, input)) return constants_.integers(node, input);
    if (node.has_input(input)) fail(node, "its split points are not constant");
    return node.integers(attribute);
  };
  const auto begins = argument(1, "starts"), ends = argument(2, "ends");
  const auto along = argument(3, "axes"), steps = argument(4, "steps");
  if (take_pixels(node, begins, ends, along, steps)) return;
  const std::string& from = map_input(node);
  const int channels = builder_.shape(node.id, from).channels;
  const bool one = begins.size() == 1 && ends.size() == 1 && along.size() == 1;
  const bool fits = one && (along[0] == 1 || along[0] == -3) && !rows_.contains(from) &&
                    (steps.empty() || steps == std::vector<std::int64_t>{1});
  if (!fits) fail(node, "slices along something other than channels");
  const auto inside = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + channels : at, 0, channels);
  };
  const std::int64_t begin = inside(begins[0]), count = inside(ends[0]) - begin;
  builder_.slice(node.id, from, node.outputs[0], begin, count);
}

void NodeReader::identity(const OnnxNode& node) {
  const std::string& name = node.has_input(0) ? node.inputs[0] : map_input(node);
  if (node.id.kind == "Cast") {
    const std::int64_t to = node.integer("to", 0);
    if (to != kOnnxFloat && to != kOnnxFloat16 && to != kOnnxDouble) {
      fail(node, "casts a tensor to ONNX type " + std::to_string(to));
    }
  }
  const auto last = channels_last_.find(name);
  if (last != channels_last_.end()) {
    channels_last_[node.outputs[0]] = last->second;
    return;
  }
  builder_.identity(node.id, map_input(node), node.outputs[0]);
  keep_form(name, node.outputs[0]);
}

}  // namespace oko::formats

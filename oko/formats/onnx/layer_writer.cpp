#include "oko/formats/onnx/layer_writer.h"

#include <map>

#include "oko/formats/format.h"
#include "oko/graph/fold.h"

namespace oko::formats {

using graph::Activation;

namespace {

std::vector<std::int64_t> pads(const graph::Padding& p) {
  return {p.top, p.left, p.bottom, p.right};
}

std::vector<std::int64_t> square(int side) { return {side, side}; }

}  // namespace

const std::string& LayerWriter::map(int layer) const {
  return layer == graph::kNetworkInput ? input_ : maps_[layer];
}

const graph::Shape& LayerWriter::shape(int layer) const { return graph::shape_of(network_, layer); }

std::vector<std::string> LayerWriter::inputs() const {
  std::vector<std::string> names;
  for (const int from : layer_->inputs) names.push_back(map(from));
  return names;
}

void LayerWriter::write(const std::string& input, const std::vector<std::string>& output_names) {
  input_ = input;
  const std::vector<int> outputs = network_.outputs();
  std::map<int, std::string> named;
  for (std::size_t i = 0; i < outputs.size(); ++i) named[outputs[i]] = output_names[i];
  for (std::size_t i = 0; i < network_.layers.size(); ++i) {
    const graph::Layer& layer = network_.layers[i];
    maps_.emplace_back();
    if (graph::is_head(layer.operation)) continue;
    const auto output = named.find(static_cast<int>(i));
    maps_[i] = output == named.end() ? to_.unused(layer.name) : output->second;
    layer_ = &layer;
    const std::string to = maps_[i];
    std::visit([&](const auto& operation) { add(operation, to); }, layer.operation);
  }
}

void LayerWriter::add(const auto&, const std::string&) {
  refuse_layer(network_, static_cast<int>(maps_.size()) - 1, "ONNX");
}

std::string LayerWriter::before_activation(Activation kind, const std::string& to) {
  return kind == Activation::kLinear ? to : to_.unused(name() + ".linear");
}

void LayerWriter::activation(Activation kind, const std::string& from, const std::string& to) {
  const std::string node = name() + ".activation";
  switch (kind) {
    case Activation::kLinear:
      break;
    case Activation::kLeaky:
      to_.node("LeakyRelu", node, {from}, to);
      to_.set("alpha", graph::kLeakySlope);
      break;
    case Activation::kRelu:
      to_.node("Relu", node, {from}, to);
      break;
    case Activation::kRelu6:
      if (zero_.empty()) {
        zero_ = to_.floats("relu6.lowest", {0.F}, {});
        six_ = to_.floats("relu6.highest", {6.F}, {});
      }
      to_.node("Clip", node, {from, zero_, six_}, to);
      break;
    case Activation::kLogistic:
      to_.node("Sigmoid", node, {from}, to);
      break;
    case Activation::kMish: {
      const std::string soft = to_.node("Softplus", node + ".softplus", {from});
      to_.node("Mul", node, {from, to_.node("Tanh", node + ".tanh", {soft})}, to);
      break;
    }
    case Activation::kSwish:
      to_.node("Mul", node, {from, to_.node("Sigmoid", node + ".sigmoid", {from})}, to);
      break;
    case Activation::kHardSigmoid:
      to_.node("HardSigmoid", node, {from}, to);
      to_.set("alpha", 1.F / 6);
      break;
    case Activation::kHardSwish: {  // HardSwish itself is of opset 14
      const std::string gate = to_.node("HardSigmoid", node + ".gate", {from});
      to_.set("alpha", 1.F / 6);
      to_.node("Mul", node, {from, gate}, to);
      break;
    }
    case Activation::kElu:
      to_.node("Elu", node, {from}, to);
      break;
    case Activation::kTanh:
      to_.node("Tanh", node, {from}, to);
      break;
  }
}

void LayerWriter::add(const graph::Convolution& c, const std::string& to) {
  const auto weight = [&](const char* part) -> const graph::Tensor& {
    return graph::weight_of(network_, *layer_, part);
  };
  const std::string kernel = float16_ ? to_.halves(name() + ".kernel", weight("kernel"))
                                      : to_.floats(name() + ".kernel", weight("kernel"));
  const std::string bias = to_.floats(name() + ".bias", weight("bias"));
  const std::string sums = before_activation(c.activation, to);
  to_.node("Conv", name(), {inputs().front(), kernel, bias}, sums);
  to_.set("kernel_shape", square(c.size)).set("strides", square(c.stride));
  to_.set("pads", pads(c.padding)).set("group", std::int64_t{c.groups});
  if (c.dilation > 1) to_.set("dilations", square(c.dilation));
  activation(c.activation, sums, to);
}

void LayerWriter::add(const graph::MaxPool& pool, const std::string& to) {
  to_.node("MaxPool", name(), inputs(), to);
  to_.set("kernel_shape", square(pool.size)).set("strides", square(pool.stride));
  to_.set("pads", pads(pool.padding));
}

void LayerWriter::add(const graph::AveragePool& pool, const std::string& to) {
  if (pool.is_global()) {
    to_.node("GlobalAveragePool", name(), inputs(), to);
    return;
  }
  to_.node("AveragePool", name(), inputs(), to);
  to_.set("kernel_shape", square(pool.size)).set("strides", square(pool.stride));
  to_.set("pads", pads(pool.padding));
  to_.set("count_include_pad", std::int64_t{pool.counts_padding ? 1 : 0});
}

void LayerWriter::add(const graph::Upsample& upsample, const std::string& to) {
  const auto scale = static_cast<float>(upsample.scale);
  const std::string scales = to_.floats(name() + ".scales", {1, 1, scale, scale}, {4});
  to_.node("Resize", name(), {inputs().front(), "", scales}, to);
  to_.set("mode", "nearest").set("coordinate_transformation_mode", "asymmetric");
  to_.set("nearest_mode", "floor");
}

void LayerWriter::add(const graph::Bilinear& bilinear, const std::string& to) {
  const auto scale = static_cast<float>(bilinear.scale);
  const std::string scales = to_.floats(name() + ".scales", {1, 1, scale, scale}, {4});
  to_.node("Resize", name(), {inputs().front(), "", scales}, to);
  const char* const grid = bilinear.grid == graph::Grid::kHalfPixel ? "half_pixel"
                           : bilinear.grid == graph::Grid::kCorners ? "align_corners"
                                                                    : "asymmetric";
  to_.set("mode", "linear").set("coordinate_transformation_mode", grid);
}

void LayerWriter::add(const graph::Shuffle& layer, const std::string& to) {
  shuffle(inputs().front(), layer.groups, to);
}

// To the layer's output.
void LayerWriter::shuffle(const std::string& from, std::int64_t groups, const std::string& to) {
  const graph::Shape& s = layer_->output;
  const std::int64_t parts = s.channels / groups;
  const std::string grouped =
      to_.node("Reshape", name() + ".groups",
               {from, to_.integers(name() + ".grouped", {1, groups, parts, s.height, s.width})});
  const std::string exchanged = to_.node("Transpose", name() + ".exchange", {grouped});
  to_.set("perm", std::vector<std::int64_t>{0, 2, 1, 3, 4});
  to_.node("Reshape", name(),
           {exchanged, to_.integers(name() + ".whole", {1, s.channels, s.height, s.width})}, to);
}

std::string LayerWriter::slice(const std::string& from, std::int64_t first, std::int64_t channels,
                               const std::string& node, const std::string& to) {
  const std::string axis = to_.integers(node + ".axis", {1});
  return to_.node("Slice", node,
                  {from, to_.integers(node + ".begin", {first}),
                   to_.integers(node + ".end", {first + channels}), axis},
                  to.empty() ? to_.unused(node) : to);
}

void LayerWriter::add(const graph::Slice& part, const std::string& to) {
  slice(inputs().front(), part.first, part.channels, name(), to);
}

// SpaceToDepth has the order of rows. Others exchange its blocks, or shuffle blocks and channels.
void LayerWriter::add(const graph::SpaceToDepth& layout, const std::string& to) {
  using Order = graph::SpaceToDepth::Order;
  if (layout.order == Order::kDarknet) return reorganize(layout, to);
  const bool plain = layout.order == Order::kRows;
  const std::string rows = to_.node("SpaceToDepth", plain ? name() : name() + ".rows", inputs(),
                                    plain ? to : to_.unused(name() + ".rows"));
  to_.set("blocksize", std::int64_t{layout.block});
  if (plain) return;
  const int block = layout.block;
  if (layout.order == Order::kChannels) return shuffle(rows, block * block, to);
  const std::int64_t channels = shape(layer_->inputs[0]).channels;
  std::vector<std::string> parts;
  for (int i = 0; i < block * block; ++i) {
    const int from = i % block * block + i / block;  // rows of blocks become columns
    parts.push_back(
        slice(rows, from * channels, channels, name() + ".block" + std::to_string(i), ""));
  }
  to_.node("Concat", name(), parts, to);
  to_.set("axis", std::int64_t{1});
}

void LayerWriter::reorganize(const graph::SpaceToDepth& layout, const std::string& to) {
  const graph::Shape &from = shape(layer_->inputs[0]), &made = layer_->output;
  const std::int64_t b = layout.block;
  const std::string cut = to_.node(
      "Reshape", name() + ".squares",
      {inputs().front(),
       to_.integers(name() + ".cut", {1, from.channels / (b * b), from.height, b, from.width, b})});
  const std::string turned = to_.node("Transpose", name() + ".turn", {cut});
  to_.set("perm", std::vector<std::int64_t>{0, 3, 5, 1, 2, 4});
  to_.node("Reshape", name(),
           {turned, to_.integers(name() + ".whole", {1, made.channels, made.height, made.width})},
           to);
}

void LayerWriter::add(const graph::Product& product, const std::string& to) {
  const std::string result = before_activation(product.activation, to);
  const std::vector<std::string> factors = inputs();
  std::string so_far = factors[0];
  for (std::size_t i = 1; i < factors.size(); ++i) {
    const bool last = i + 1 == factors.size();
    const std::string node = last ? name() : name() + ".part" + std::to_string(i);
    so_far = to_.node("Mul", node, {so_far, factors[i]}, last ? result : to_.unused(node));
  }
  activation(product.activation, result, to);
}

void LayerWriter::add(const graph::Attention& attention, const std::string& to) {
  const graph::Shape& from = shape(layer_->inputs[0]);
  const std::int64_t heads = attention.heads, keys = attention.key_channels;
  const std::int64_t pixels = std::int64_t{from.height} * from.width;
  const std::int64_t values = layer_->output.channels / heads;
  const auto part = [&](const char* what) { return name() + "." + what; };
  const std::string split = to_.node(
      "Reshape", part("heads"),
      {inputs().front(), to_.integers(part("split"), {1, heads, 2 * keys + values, pixels})});
  const std::string queries =
      to_.node("Split", part("parts"), {split, to_.integers(part("sizes"), {keys, keys, values})},
               part("queries"));
  to_.set("axis", std::int64_t{2});
  const std::string key = to_.more(part("keys")), value = to_.more(part("values"));
  const std::string turned_queries = to_.node("Transpose", part("query"), {queries});
  to_.set("perm", std::vector<std::int64_t>{0, 1, 3, 2});
  const std::string dots = to_.node("MatMul", part("dots"), {turned_queries, key});
  const std::string scale = to_.floats(part("scale"), {attention.scale}, {});
  const std::string shares =
      to_.node("Softmax", part("shares"), {to_.node("Mul", part("scaled"), {dots, scale})});
  to_.set("axis", std::int64_t{3});
  const std::string turned = to_.node("Transpose", part("turned"), {shares});
  to_.set("perm", std::vector<std::int64_t>{0, 1, 3, 2});
  const std::string sums = to_.node("MatMul", part("sums"), {value, turned});
  to_.node("Reshape", name(),
           {sums, to_.integers(part("whole"), {1, heads * values, from.height, from.width})}, to);
}

void LayerWriter::add(const graph::Route& route, const std::string& to) {
  std::vector<std::string> parts = inputs();
  if (route.groups > 1) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::int64_t count = shape(layer_->inputs[i]).channels / route.groups;
      const bool alone = parts.size() == 1;
      const std::string part = name() + (alone ? "" : ".part" + std::to_string(i));
      parts[i] = slice(parts[i], count * route.group, count, part, alone ? to : "");
      if (alone) return;
    }
  }
  to_.node("Concat", name(), parts, to);
  to_.set("axis", std::int64_t{1});
}

// To the first input's channels, what is missing as zeros.
std::string LayerWriter::fitted(int input, const std::string& part) {
  const std::string& from = map(input);
  const int wanted = layer_->output.channels, there = shape(input).channels;
  if (there == wanted) return from;
  if (there > wanted) return slice(from, 0, wanted, part, "");
  const std::string pads = to_.integers(part + ".pads", {0, 0, 0, 0, 0, wanted - there, 0, 0});
  return to_.node("Pad", part, {from, pads});
}

void LayerWriter::add(const graph::Shortcut& shortcut, const std::string& to) {
  const std::string sum = before_activation(shortcut.activation, to);
  std::vector<std::string> terms;
  for (std::size_t i = 0; i < layer_->inputs.size(); ++i) {
    terms.push_back(fitted(layer_->inputs[i], name() + ".part" + std::to_string(i)));
  }
  to_.node(terms.size() == 2 ? "Add" : "Sum", name(), terms, sum);
  activation(shortcut.activation, sum, to);
}

void LayerWriter::add(const graph::Softmax&, const std::string& to) {
  to_.node("Softmax", name(), inputs(), to);
  to_.set("axis", std::int64_t{1});
}

}  // namespace oko::formats

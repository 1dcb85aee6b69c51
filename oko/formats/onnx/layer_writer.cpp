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
  activation(c.activation, sums, to);
}

void LayerWriter::add(const graph::MaxPool& pool, const std::string& to) {
  to_.node("MaxPool", name(), inputs(), to);
  to_.set("kernel_shape", square(pool.size)).set("strides", square(pool.stride));
  to_.set("pads", pads(pool.padding));
}

void LayerWriter::add(const graph::AveragePool&, const std::string& to) {
  to_.node("GlobalAveragePool", name(), inputs(), to);
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

void LayerWriter::add(const graph::Shuffle& shuffle, const std::string& to) {
  const graph::Shape& s = layer_->output;
  const std::int64_t groups = shuffle.groups, parts = s.channels / shuffle.groups;
  const std::string grouped = to_.node(
      "Reshape", name() + ".groups",
      {inputs().front(), to_.integers(name() + ".grouped", {1, groups, parts, s.height, s.width})});
  const std::string exchanged = to_.node("Transpose", name() + ".exchange", {grouped});
  to_.set("perm", std::vector<std::int64_t>{0, 2, 1, 3, 4});
  to_.node("Reshape", name(),
           {exchanged, to_.integers(name() + ".whole", {1, s.channels, s.height, s.width})}, to);
}

void LayerWriter::add(const graph::Route& route, const std::string& to) {
  std::vector<std::string> parts = inputs();
  if (route.groups > 1) {
    const std::string axis = to_.integers(name() + ".axis", {1});
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::int64_t count = shape(layer_->inputs[i]).channels / route.groups;
      const std::int64_t begin = count * route.group;
      const bool alone = parts.size() == 1;
      const std::string part = name() + (alone ? "" : ".part" + std::to_string(i));
      parts[i] = to_.node("Slice", part,
                          {parts[i], to_.integers(part + ".begin", {begin}),
                           to_.integers(part + ".end", {begin + count}), axis},
                          alone ? to : to_.unused(part));
      if (alone) return;
    }
  }
  to_.node("Concat", name(), parts, to);
  to_.set("axis", std::int64_t{1});
}

void LayerWriter::add(const graph::Shortcut& shortcut, const std::string& to) {
  const std::string sum = before_activation(shortcut.activation, to);
  to_.node(layer_->inputs.size() == 2 ? "Add" : "Sum", name(), inputs(), sum);
  activation(shortcut.activation, sum, to);
}

void LayerWriter::add(const graph::Softmax&, const std::string& to) {
  to_.node("Softmax", name(), inputs(), to);
  to_.set("axis", std::int64_t{1});
}

}  // namespace oko::formats

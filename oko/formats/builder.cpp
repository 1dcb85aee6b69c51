#include "oko/formats/builder.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "oko/base/error.h"
#include "oko/formats/check_values.h"
#include "oko/formats/tensor_order.h"

namespace oko::formats {

using graph::Activation;
using graph::Convolution;
using graph::Layer;
using graph::Padding;
using graph::Shape;
using graph::Tensor;

namespace {

constexpr std::int64_t kMaxAddedFilters = 1 << 22;

// a[i] + sign · b[i].
Tensor sum(const Tensor& a, const Tensor& b, float sign) {
  const auto x = a.floats(), y = b.floats();
  std::vector<float> values(x.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = x[i] + sign * y[i];
  return Tensor::of(std::move(values), a.shape);
}

}  // namespace

Tensor filled(float value, std::int64_t count) {
  return Tensor::of(std::vector<float>(static_cast<std::size_t>(count), value), {count});
}

std::string NetworkBuilder::place(const Node& node) const {
  return file_ + ": " + node.name + " (" + node.kind + ")";
}

void NetworkBuilder::fail(const Node& node, std::string message, std::string hint) const {
  throw input_error(place(node), std::move(message), std::move(hint));
}

const NetworkBuilder::Value& NetworkBuilder::value(const Node& node,
                                                   const std::string& tensor) const {
  const auto found = values_.find(tensor);
  if (found == values_.end()) {
    fail(node, "reads \"" + tensor + "\", which no earlier node makes");
  }
  return found->second;
}

const NetworkBuilder::Value& NetworkBuilder::plain(const Node& node,
                                                   const std::string& tensor) const {
  const Value& found = value(node, tensor);
  if (found.padding != Padding{}) {
    fail(node, "reads a zero-padded tensor, which only a convolution can do",
         "set the padding on the layer itself");
  }
  if (found.flat != Flat::kNo) {
    fail(node, "reads a flattened tensor, which only a dense layer or an activation can do");
  }
  return found;
}

const Shape& NetworkBuilder::shape_of(const Value& value) const {
  return graph::shape_of(network_, value.layer);
}

const Shape& NetworkBuilder::shape(const Node& node, const std::string& tensor) const {
  return shape_of(value(node, tensor));
}

Shape NetworkBuilder::padded_shape(const Node& node, const std::string& tensor) const {
  const Value& found = value(node, tensor);
  const Shape& inner = shape_of(found);
  const Padding& p = found.padding;
  return {inner.channels, inner.height + p.top + p.bottom, inner.width + p.left + p.right};
}

void NetworkBuilder::check_length(const Node& node, const char* what, const Tensor& tensor,
                                  std::int64_t count) const {
  if (tensor.dtype == graph::DType::kF32 && tensor.shape.size() == 1 && tensor.shape[0] == count) {
    return;
  }
  fail(node, std::string(what) + " is " + name_of(tensor.dtype) + " " +
                 graph::to_string(tensor.shape) + ", it should be " + std::to_string(count) +
                 " float32 values");
}

void NetworkBuilder::input(const std::string& tensor, const Shape& shape) {
  if (has_input_) {
    throw input_error(file_ + ": " + tensor, "is a second input; oko supports one",
                      "export the model with the image as its only input");
  }
  has_input_ = true;
  network_.input = shape;
  values_[tensor] = {};
}

Layer& NetworkBuilder::add_layer(const Node& node, graph::Operation operation,
                                 std::vector<int> inputs, const std::string& to) {
  if (!has_input_) fail(node, "comes before the network's input");
  if (network_.layers.size() >= 4096) fail(node, "is layer 4097; a network may have at most 4096");
  check_utf8(node.name, file_);
  if (values_.contains(to)) fail(node, "makes \"" + to + "\", which already exists");
  std::string name =
      node.name.empty() ? "layers." + std::to_string(network_.layers.size()) : node.name;
  if (const int count = ++names_[name]; count > 1) {
    name += "_" + std::to_string(count);
    ++names_[name];
  }
  Layer& layer = network_.layers.emplace_back(
      Layer{std::move(name), std::move(operation), std::move(inputs), {}});
  const std::size_t index = network_.layers.size() - 1;
  try {
    graph::infer_shape(network_, index);
  } catch (const Error& error) {
    fail(node, error.message(), error.hint());
  }
  values_[to] = {static_cast<int>(index)};
  return layer;
}

Tensor& NetworkBuilder::weight(const Layer& layer, const char* part) {
  return network_.weights[layer.name + "." + part];
}

void NetworkBuilder::convolution(const Node& node, const std::string& from, const std::string& to,
                                 Convolution convolution, Tensor kernel, Tensor bias) {
  const Value source = value(node, from);
  if (source.flat != Flat::kNo) fail(node, "reads a flattened tensor");
  add_convolution(node, source, to, convolution, std::move(kernel), std::move(bias));
}

void NetworkBuilder::add_convolution(const Node& node, const Value& source, const std::string& to,
                                     Convolution convolution, Tensor kernel, Tensor bias) {
  Padding& p = convolution.padding;
  p = {p.top + source.padding.top, p.left + source.padding.left, p.bottom + source.padding.bottom,
       p.right + source.padding.right};
  const std::int64_t inputs = shape_of(source).channels;
  const std::vector<std::int64_t> wanted{convolution.filters,
                                         inputs / std::max(1, convolution.groups), convolution.size,
                                         convolution.size};
  if (kernel.dtype != graph::DType::kF32 || kernel.shape != wanted) {
    fail(node, std::string("the kernel is ") + name_of(kernel.dtype) + " " +
                   graph::to_string(kernel.shape) + ", it should be F32 " +
                   graph::to_string(wanted) + " (out, in, height, width)");
  }
  if (!bias.shape.empty()) check_length(node, "the bias", bias, convolution.filters);
  const int filters = convolution.filters;
  const Layer& layer = add_layer(node, convolution, {source.layer}, to);
  weight(layer, "kernel") = std::move(kernel);
  weight(layer, "bias") = bias.shape.empty() ? filled(0, filters) : std::move(bias);
}

void NetworkBuilder::dense(const Node& node, const std::string& from, const std::string& to,
                           Tensor kernel, Tensor bias) {
  const Value source = value(node, from);
  const Shape& in = shape_of(source);
  if (source.flat == Flat::kNo && in.height * in.width != 1) {
    fail(node, "a dense layer reads " + graph::to_string(in), "flatten its input first");
  }
  if (in.height != in.width) {
    fail(node, "a dense layer reads " + graph::to_string(in) + ", which is not square",
         "use a square input");
  }
  const std::int64_t outputs = kernel.shape.empty() ? 0 : kernel.shape[0];
  if (kernel.dtype != graph::DType::kF32 || outputs < 1 || outputs > (1 << 20) ||
      kernel.shape != std::vector<std::int64_t>{outputs, in.count()}) {
    fail(node, std::string("the kernel is ") + name_of(kernel.dtype) + " " +
                   graph::to_string(kernel.shape) + ", it should be F32 [outputs, " +
                   std::to_string(in.count()) + "]");
  }
  const std::int64_t channels = in.channels, height = in.height, width = in.width;
  if (source.flat == Flat::kChannelsLast) {
    kernel.shape = {outputs, height, width, channels};
    kernel = permuted(kernel, {0, 3, 1, 2});
  }
  kernel.shape = {outputs, channels, height, width};
  add_convolution(node, source, to, {static_cast<int>(outputs), in.height, 1, 1}, std::move(kernel),
                  std::move(bias));
}

Layer* NetworkBuilder::open_convolution(const std::string& tensor) {
  const Value& source = values_.find(tensor)->second;
  const auto uses = uses_.find(tensor);
  if (source.layer < 0 || uses == uses_.end() || uses->second != 1) return nullptr;
  Layer& layer = network_.layers[source.layer];
  const auto* convolution = std::get_if<Convolution>(&layer.operation);
  return convolution != nullptr && convolution->activation == Activation::kLinear ? &layer
                                                                                  : nullptr;
}

// A file of a few bytes could ask for any number of filters.
void NetworkBuilder::count_added_filters(const Node& node, int filters) {
  if ((added_filters_ += filters) > kMaxAddedFilters) {
    fail(node, "is one of too many nodes that each need an extra layer");
  }
}

void NetworkBuilder::add_depthwise(const Node& node, const std::string& from, const std::string& to,
                                   Convolution settings) {
  const int channels = shape_of(plain(node, from)).channels;
  count_added_filters(node, channels);
  settings.filters = settings.groups = channels;
  settings.size = settings.stride = 1;
  Tensor ones = filled(1, channels);
  ones.shape = {channels, 1, 1, 1};
  convolution(node, from, to, settings, std::move(ones), {});
}

void NetworkBuilder::batch_norm(const Node& node, const std::string& from, const std::string& to,
                                float epsilon, Tensor scale, Tensor bias, Tensor mean,
                                Tensor variance) {
  const int channels = shape_of(plain(node, from)).channels;
  check_length(node, "gamma", scale, channels);
  check_length(node, "beta", bias, channels);
  check_length(node, "the mean", mean, channels);
  check_length(node, "the variance", variance, channels);
  if (!(epsilon >= 0 && epsilon <= 1)) fail(node, "epsilon is not in 0…1");
  Layer* before = open_convolution(from);
  if (before == nullptr || std::get<Convolution>(before->operation).batch_norm) {
    add_depthwise(node, from, to, {});
    before = &network_.layers.back();
  } else {
    values_[to] = values_[from];
  }
  std::get<Convolution>(before->operation).batch_norm = graph::BatchNorm{epsilon};
  // gamma · (x + b − mean) / root + beta: the convolution's own bias goes into the mean.
  weight(*before, "mean") = sum(mean, weight(*before, "bias"), -1);
  weight(*before, "bias") = std::move(bias);
  weight(*before, "scale") = std::move(scale);
  weight(*before, "variance") = std::move(variance);
}

namespace {

// Every filter times its scale.
Tensor scaled(const Tensor& from, const Tensor& scale) {
  std::vector<float> values(from.floats().begin(), from.floats().end());
  const std::size_t count = values.size() / scale.floats().size();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= scale.floats()[i / count];
  return Tensor::of(std::move(values), from.shape);
}

}  // namespace

void NetworkBuilder::affine(const Node& node, const std::string& from, const std::string& to,
                            Tensor scale, Tensor bias) {
  const int channels = shape_of(plain(node, from)).channels;
  if (!scale.shape.empty()) check_length(node, "the scale", scale, channels);
  if (!bias.shape.empty()) check_length(node, "the bias", bias, channels);
  Layer* before = open_convolution(from);
  // Batch norm has a scale of its own, which may be 0.
  const bool folds = before != nullptr &&
                     (scale.shape.empty() || !std::get<Convolution>(before->operation).batch_norm);
  if (folds) {
    Tensor& sums = weight(*before, "bias");
    if (!scale.shape.empty()) {
      sums = scaled(sums, scale);
      weight(*before, "kernel") = scaled(weight(*before, "kernel"), scale);
    }
    if (!bias.shape.empty()) sums = sum(sums, bias, 1);
    values_[to] = values_[from];
    return;
  }
  add_depthwise(node, from, to, {});
  const Layer& layer = network_.layers.back();
  if (!scale.shape.empty()) {
    scale.shape = {channels, 1, 1, 1};
    weight(layer, "kernel") = std::move(scale);
  }
  if (!bias.shape.empty()) weight(layer, "bias") = std::move(bias);
}

void NetworkBuilder::activation(const Node& node, const std::string& from, const std::string& to,
                                const Decision<Activation>& decision) {
  const Activation activation = decided(node, decision);
  const Value source = value(node, from);
  if (source.padding != Padding{}) fail(node, "reads a zero-padded tensor");
  if (activation == Activation::kLinear) return identity(node, from, to);
  if (Layer* before = open_convolution(from)) {
    std::get<Convolution>(before->operation).activation = activation;
    values_[to] = source;
    return;
  }
  const auto uses = uses_.find(from);
  if (source.layer >= 0 && uses != uses_.end() && uses->second == 1) {
    Layer& before = network_.layers[source.layer];
    Activation* own = nullptr;
    if (auto* shortcut = std::get_if<graph::Shortcut>(&before.operation)) {
      own = &shortcut->activation;
    } else if (auto* product = std::get_if<graph::Product>(&before.operation)) {
      own = &product->activation;
    }
    if (own != nullptr && *own == Activation::kLinear) {
      *own = activation;
      values_[to] = source;
      return;
    }
  }
  if (source.flat != Flat::kNo)
    fail(node, "reads a flattened tensor", "move it before the flatten");
  Convolution settings;
  settings.activation = activation;
  add_depthwise(node, from, to, settings);
}

void NetworkBuilder::pad(const Node& node, const std::string& from, const std::string& to,
                         const Padding& padding) {
  Value source = plain(node, from);
  for (const int side : {padding.top, padding.left, padding.bottom, padding.right}) {
    if (side < 0 || side > 1024) {
      fail(node, "padding " + std::to_string(side) + " is not in 0…1024");
    }
  }
  source.padding = padding;
  values_[to] = source;
}

void NetworkBuilder::pad_channels(const Node& node, const std::string& from, const std::string& to,
                                  std::int64_t before, std::int64_t after) {
  constexpr std::int64_t kMost = 1 << 12;
  const std::int64_t channels = shape_of(plain(node, from)).channels;
  if (before < 0 || after < 0 || channels > kMost || before + after > kMost) {
    fail(node, "adds " + std::to_string(before) + " and " + std::to_string(after) + " to " +
                   std::to_string(channels) + " channels");
  }
  const std::int64_t filters = before + channels + after;
  std::vector<float> kernel(static_cast<std::size_t>(filters * channels));
  for (std::ptrdiff_t i = 0; i < channels; ++i) kernel[(before + i) * channels + i] = 1;
  convolution(node, from, to, {.filters = static_cast<int>(filters)},
              Tensor::of(std::move(kernel), {filters, channels, 1, 1}), {});
}

void NetworkBuilder::max_pool(const Node& node, const std::string& from, const std::string& to,
                              const graph::MaxPool& pool) {
  add_layer(node, pool, {plain(node, from).layer}, to);
}

void NetworkBuilder::average_pool(const Node& node, const std::string& from, const std::string& to,
                                  graph::AveragePool pool) {
  const Value source = value(node, from);
  if (source.padding != Padding{} && !pool.is_global() && pool.padding == Padding{}) {
    pool.padding = source.padding;
    pool.counts_padding = true;
    add_layer(node, pool, {source.layer}, to);
    return;
  }
  add_layer(node, pool, {plain(node, from).layer}, to);
}

void NetworkBuilder::upsample(const Node& node, const std::string& from, const std::string& to,
                              const Decision<decide::Upsampling>& upsample) {
  const auto add_one = [&](const auto& settings) {
    if constexpr (requires { settings.scale; }) {
      if (settings.scale == 1) return identity(node, from, to);
    }
    add_layer(node, settings, {plain(node, from).layer}, to);
  };
  std::visit(add_one, decided(node, upsample));
}

void NetworkBuilder::resize_nearest(const Node& node, const std::string& from,
                                    const std::string& to, int rows, int columns,
                                    bool from_centres) {
  const Shape in = shape_of(plain(node, from));
  const int common = std::gcd(in.height, rows);
  const int up = rows / common, down = in.height / common;
  constexpr int kMostUp = 16;
  if (down == 1 || up > kMostUp || std::int64_t{in.width} * up != std::int64_t{columns} * down) {
    return upsample(node, from, to,
                    decide::upsample("nearest", static_cast<double>(rows) / in.height,
                                     static_cast<double>(columns) / in.width));
  }
  const std::string repeated = to + " repeated";
  use(repeated);
  upsample(node, from, repeated, graph::Upsample{up});
  // Of the first `down` repeated pixels, the one that becomes the first of the result.
  const int first = from_centres ? down / 2 : 0, size = first + 1;
  count_added_filters(node, in.channels);
  std::vector<float> kernel(static_cast<std::size_t>(in.channels * size * size), 0.F);
  for (int c = 1; c <= in.channels; ++c) kernel[static_cast<std::size_t>(c * size * size - 1)] = 1;
  convolution(node, repeated, to,
              {.filters = in.channels, .size = size, .stride = down, .groups = in.channels},
              Tensor::of(std::move(kernel), {in.channels, 1, size, size}), {});
}

void NetworkBuilder::shuffle(const Node& node, const std::string& from, const std::string& to,
                             int groups) {
  if (groups == 1) return identity(node, from, to);
  add_layer(node, graph::Shuffle{groups}, {plain(node, from).layer}, to);
}

void NetworkBuilder::space_to_depth(const Node& node, const std::string& from,
                                    const std::string& to, const graph::SpaceToDepth& layout) {
  add_layer(node, layout, {plain(node, from).layer}, to);
}

void NetworkBuilder::concat(const Node& node, const std::vector<std::string>& from,
                            const std::string& to) {
  std::vector<int> inputs;
  for (const std::string& tensor : from) inputs.push_back(plain(node, tensor).layer);
  add_layer(node, graph::Route{}, std::move(inputs), to);
}

void NetworkBuilder::add(const Node& node, const std::vector<std::string>& from,
                         const std::string& to, bool unequal) {
  std::vector<int> inputs;
  for (const std::string& tensor : from) inputs.push_back(plain(node, tensor).layer);
  add_layer(node, graph::Shortcut{.unequal = unequal}, std::move(inputs), to);
}

void NetworkBuilder::product(const Node& node, const std::vector<std::string>& from,
                             const std::string& to) {
  std::vector<int> inputs;
  for (const std::string& tensor : from) inputs.push_back(plain(node, tensor).layer);
  // The one with pixels comes first.
  const auto pixels = [&](int layer) {
    const Shape& shape = graph::shape_of(network_, layer);
    return shape.height * shape.width;
  };
  std::ranges::stable_sort(inputs, std::greater<>(), pixels);
  add_layer(node, graph::Product{}, std::move(inputs), to);
}

void NetworkBuilder::attention(const Node& node, const std::string& from, const std::string& to,
                               const graph::Attention& attention) {
  add_layer(node, attention, {plain(node, from).layer}, to);
}

void NetworkBuilder::slice(const Node& node, const std::string& from, const std::string& to,
                           std::int64_t begin, std::int64_t count) {
  const Value& source = plain(node, from);
  const std::int64_t channels = shape_of(source).channels;
  if (begin == 0 && count == channels) return identity(node, from, to);
  if (begin < 0 || begin >= channels || count < 1 || count > channels - begin) {
    fail(node, "takes " + std::to_string(count) + " of " + std::to_string(channels) +
                   " channels from channel " + std::to_string(begin) + " on");
  }
  if (channels % count == 0 && begin % count == 0) {
    const graph::Route part{static_cast<int>(channels / count), static_cast<int>(begin / count)};
    add_layer(node, part, {source.layer}, to);
    return;
  }
  add_layer(node, graph::Slice{static_cast<int>(begin), static_cast<int>(count)}, {source.layer},
            to);
}

void NetworkBuilder::split(const Node& node, const std::string& from,
                           const std::vector<std::string>& to,
                           std::span<const std::int64_t> sizes) {
  const std::int64_t channels = shape(node, from).channels, parts = std::ssize(to);
  std::vector<std::int64_t> counts(sizes.begin(), sizes.end());
  if (counts.empty() && parts > 0) counts.assign(to.size(), channels / parts);
  std::int64_t sum = 0;
  for (const std::int64_t count : counts) sum += std::clamp<std::int64_t>(count, 0, channels + 1);
  if (std::ssize(counts) != parts || sum != channels) {
    fail(node, "splits " + std::to_string(channels) + " channels into " + std::to_string(parts) +
                   " parts of " + std::to_string(sum) + " in all");
  }
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (!to[i].empty()) slice(node, from, to[i], begin, counts[i]);
    begin += counts[i];
  }
}

void NetworkBuilder::softmax(const Node& node, const std::string& from, const std::string& to) {
  const Value& source = value(node, from);
  if (source.flat != Flat::kNo && shape_of(source).height * shape_of(source).width != 1) {
    fail(node, "softmax over a flattened tensor; oko supports it over channels only",
         "cut the network before it");
  }
  add_layer(node, graph::Softmax{}, {source.layer}, to);
}

void NetworkBuilder::identity(const Node& node, const std::string& from, const std::string& to) {
  rename(from, to, value(node, from));
}

void NetworkBuilder::rename(const std::string& from, const std::string& to, Value value) {
  values_[to] = value;
  uses_[to] += uses_[from] - 1;  // readers of one are readers of the other
}

void NetworkBuilder::flatten(const Node& node, const std::string& from, const std::string& to,
                             bool channels_last) {
  Value source = plain(node, from);
  const Shape& in = shape_of(source);
  if (in.height * in.width != 1) {
    source.flat = channels_last ? Flat::kChannelsLast : Flat::kChannelsFirst;
  }
  rename(from, to, source);
}

Imported NetworkBuilder::finish(const std::string& network_name,
                                const std::vector<std::string>& outputs) {
  Imported imported;
  if (outputs.empty()) throw input_error(file_, "the model has no outputs");
  check_utf8(network_name, file_);
  for (const std::string& tensor : outputs) {
    const Node node{tensor, "output"};
    const Value& source = plain(node, tensor);
    if (source.layer == graph::kNetworkInput) fail(node, "is the unchanged network input");
    const auto same = std::ranges::find(imported.outputs, source.layer);
    if (same != imported.outputs.end()) {
      const auto first = static_cast<std::size_t>(same - imported.outputs.begin());
      imported.notes.push_back("the outputs " + imported.names[first] + " and " + tensor +
                               " are the same tensor; it is kept once");
      continue;
    }
    imported.outputs.push_back(source.layer);
    imported.names.push_back(tensor);
    imported.keys.push_back(tensor);
  }
  imported.network = std::move(network_);
  imported.network.name = network_name;
  graph::infer_shapes(imported.network);
  graph::check_weights(imported.network);
  for (const auto& [name, tensor] : imported.network.weights) check_values(tensor, name, file_);
  return imported;
}

}  // namespace oko::formats

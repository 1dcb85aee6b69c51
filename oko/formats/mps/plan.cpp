#include "oko/formats/mps/plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "oko/base/error.h"
#include "oko/formats/tensor_order.h"
#include "oko/graph/dilation.h"
#include "oko/graph/fold.h"
#include "oko/graph/space_to_depth.h"

namespace oko::formats::mps {
namespace {

using graph::Activation;
using graph::Layer;
using graph::Network;
using graph::Shape;

// Images store channels in slices of four, and a concatenation starts each input on a new slice.
constexpr int kSlice = 4;

constexpr std::size_t kMaxNumbers = std::size_t{1} << 30;  // of all kernels together

Neuron neuron_of(Activation activation) {
  using Type = Neuron::Type;
  switch (activation) {
    case Activation::kLeaky:
      return {Type::kRelu, graph::kLeakySlope, 0};
    case Activation::kRelu:
      return {Type::kRelu, 0, 0};
    case Activation::kRelu6:
      return {Type::kReluN, 0, 6};
    case Activation::kLogistic:
      return {Type::kSigmoid, 0, 0};
    case Activation::kHardSigmoid:
      return {Type::kHardSigmoid, 1.F / 6, .5F};
    case Activation::kElu:
      return {Type::kElu, 1, 0};
    case Activation::kTanh:
      return {Type::kTanH, 1, 1};
    default:
      return {};
  }
}

// Turns [filters, in/groups, size, size] into a kernel without groups, zeros elsewhere.
graph::Tensor dense_kernel(const graph::Tensor& kernel, int groups) {
  const auto filters = static_cast<std::size_t>(kernel.shape[0]);
  const auto depth = static_cast<std::size_t>(kernel.shape[1]);
  const auto window = static_cast<std::size_t>(kernel.shape[2] * kernel.shape[3]);
  const auto parts = static_cast<std::size_t>(groups), channels = depth * parts;
  std::vector<float> dense(filters * channels * window);
  const auto from = kernel.floats();
  for (std::size_t f = 0; f < filters; ++f) {
    const std::size_t first = f / (filters / parts) * depth;
    std::copy_n(from.data() + f * depth * window, depth * window,
                dense.data() + (f * channels + first) * window);
  }
  return graph::Tensor::of(std::move(dense), {kernel.shape[0], static_cast<std::int64_t>(channels),
                                              kernel.shape[2], kernel.shape[3]});
}

class Planner {
 public:
  explicit Planner(const Network& network) : network_(network), layer_(network.layers.data()) {
    plan_.input = network.input;
    for (const Layer& layer : network.layers) names_.insert(layer.name);
  }

  Plan make() {
    input_ = kGraphInput;
    if (network_.preprocess.bgr && network_.input.channels == 3) {
      input_ = select("input.bgr", kGraphInput, network_.input, {2, 1, 0});
    }
    for (const Layer& layer : network_.layers) {
      layer_ = &layer;
      results_.push_back(std::visit([&](const auto& o) { return make(o); }, layer.operation));
    }
    for (const int output : network_.outputs()) plan_.outputs.push_back(result(output));
    give_outputs_nodes();
    return std::move(plan_);
  }

 private:
  int result(int layer) const { return layer == graph::kNetworkInput ? input_ : results_[layer]; }
  int source(std::size_t i = 0) const { return result(layer_->inputs[i]); }
  const Shape& shape(std::size_t i = 0) const {
    return graph::shape_of(network_, layer_->inputs[i]);
  }
  const graph::Tensor& weight(const char* part) const {
    return graph::weight_of(network_, *layer_, part);
  }

  int add(MpsNode node) {
    plan_.nodes.push_back(std::move(node));
    return static_cast<int>(plan_.nodes.size()) - 1;
  }
  int add(Kind kind, std::string name, std::vector<int> inputs, const Shape& output) {
    MpsNode node;
    node.kind = kind;
    node.name = std::move(name);
    node.inputs = std::move(inputs);
    node.output = output;
    return add(std::move(node));
  }
  // A unique name for an additional node of a layer.
  std::string part_name(const std::string& base, const std::string& part) {
    std::string name = base + "." + part;
    while (!names_.insert(name).second) name += "_";
    return name;
  }

  // Expanded kernels (dense for grouped ones) may be larger than the network's.
  void count_numbers(std::size_t filters, std::size_t numbers) {
    if (numbers == 0 || filters <= (kMaxNumbers - count_) / numbers) {
      count_ += filters * numbers;
      return;
    }
    const auto index = static_cast<std::size_t>(layer_ - network_.layers.data());
    throw input_error(graph::place_of(network_, index),
                      "the weights take more than 4 GB in Metal's layout",
                      "use fewer filters or no groups");
  }

  int store(std::vector<float> kernel, std::vector<float> bias) {
    plan_.kernels.push_back({std::move(kernel), std::move(bias)});
    return static_cast<int>(plan_.kernels.size()) - 1;
  }

  // A 1x1 convolution whose output c is channel from[c] of its input, or 0 where that is -1. Exact:
  // all its products but one are by zero, and that one is by one.
  int select(std::string name, int source, const Shape& input, const std::vector<int>& from) {
    const auto channels = static_cast<std::size_t>(input.channels);
    count_numbers(from.size(), channels);
    std::vector<float> kernel(from.size() * channels);
    for (std::size_t c = 0; c < from.size(); ++c) {
      if (from[c] >= 0) kernel[c * channels + static_cast<std::size_t>(from[c])] = 1;
    }
    const Shape output{static_cast<int>(from.size()), input.height, input.width};
    const int index = add(Kind::kConvolution, std::move(name), {source}, output);
    MpsNode& node = plan_.nodes[index];
    node.channels = input.channels;
    node.weights = store(std::move(kernel), std::vector<float>(from.size()));
    return index;
  }

  // Mish, swish and hard swish are products of their input and a neuron of it.
  int activate(int source, Activation activation) {
    const Shape output = layer_->output;
    if (activation == Activation::kLinear) return source;
    const auto neuron = [&](const char* part, int from, const Neuron& type) {
      const int index = add(Kind::kNeuron, part_name(layer_->name, part), {from}, output);
      plan_.nodes[index].neuron = type;
      return index;
    };
    if (activation == Activation::kMish) {
      const int plus = neuron("softplus", source, {Neuron::Type::kSoftPlus, 1, 1});
      const int tanh = neuron("tanh", plus, {Neuron::Type::kTanH, 1, 1});
      return add(Kind::kMultiply, part_name(layer_->name, "mish"), {source, tanh}, output);
    }
    if (activation == Activation::kSwish) {
      const int sigmoid = neuron("sigmoid", source, {Neuron::Type::kSigmoid, 0, 0});
      return add(Kind::kMultiply, part_name(layer_->name, "swish"), {source, sigmoid}, output);
    }
    if (activation == Activation::kHardSwish) {
      const int gate = neuron("gate", source, neuron_of(Activation::kHardSigmoid));
      return add(Kind::kMultiply, part_name(layer_->name, "hard_swish"), {source, gate}, output);
    }
    return neuron("activation", source, neuron_of(activation));
  }

  void set_window(MpsNode& node, int size, int stride, const graph::Padding& padding) {
    node.size_x = node.size_y = size;
    node.stride = stride;
    node.offset_x = size / 2 - padding.left;
    node.offset_y = size / 2 - padding.top;
  }

  int make(const graph::Convolution& c) {
    const int channels = shape().channels;
    const bool depthwise = c.groups > 1 && c.groups == channels && c.filters == channels;
    // Groups that MPS does not support, because its groups are whole slices.
    const bool grouped = c.groups > 1 && !depthwise && channels / c.groups % kSlice == 0 &&
                         c.filters / c.groups % kSlice == 0;
    const int index = add(depthwise ? Kind::kDepthwise : Kind::kConvolution, layer_->name,
                          {source()}, layer_->output);
    graph::Tensor kernel = weight("kernel");
    const bool dense = c.groups > 1 && !depthwise && !grouped;
    const int depth = dense ? channels : channels / c.groups;
    count_numbers(static_cast<std::size_t>(c.filters),
                  static_cast<std::size_t>(std::int64_t{depth} * c.size * c.size));
    if (dense) kernel = dense_kernel(kernel, c.groups);
    const graph::Tensor ordered = permuted(kernel, {0, 2, 3, 1});
    const auto values = ordered.floats(), bias = weight("bias").floats();
    MpsNode& node = plan_.nodes[index];
    set_window(node, c.size, c.stride, c.padding);
    node.channels = channels;
    node.groups = grouped ? c.groups : 1;
    node.neuron = neuron_of(c.activation);
    node.weights = store({values.begin(), values.end()}, {bias.begin(), bias.end()});
    const bool fused = node.neuron.type != Neuron::Type::kNone;
    return fused ? index : activate(index, c.activation);
  }

  int make(const graph::MaxPool& pool) {
    const int index = add(Kind::kMaxPool, layer_->name, {source()}, layer_->output);
    set_window(plan_.nodes[index], pool.size, pool.stride, pool.padding);
    return index;
  }

  int make(const graph::AveragePool& pool) {
    if (!pool.is_global()) {
      return average(layer_->name, source(), layer_->output, pool.size, pool.stride, pool.padding,
                     !pool.counts_padding);
    }
    const int index = add(Kind::kAveragePool, layer_->name, {source()}, layer_->output);
    MpsNode& node = plan_.nodes[index];
    node.size_x = shape().width;
    node.size_y = shape().height;
    node.offset_x = node.size_x / 2;
    node.offset_y = node.size_y / 2;
    return index;
  }

  int average(const std::string& name, int from, const Shape& output, int size, int stride,
              const graph::Padding& padding, bool shrinks) {
    const int index = add(Kind::kAveragePool, name, {from}, output);
    set_window(plan_.nodes[index], size, stride, padding);
    plan_.nodes[index].shrinks = shrinks;
    return index;
  }

  int upsample(Kind kind, const std::string& name, int from, const Shape& output, int scale_x,
               int scale_y) {
    const int index = add(kind, name, {from}, output);
    plan_.nodes[index].scale_x = scale_x;
    plan_.nodes[index].scale_y = scale_y;
    return index;
  }

  int make(const graph::Upsample& upsampled) {
    return upsample(Kind::kUpsample, layer_->name, source(), layer_->output, upsampled.scale,
                    upsampled.scale);
  }

  // Repeated pixels, averaged over windows as wide as these: linear interpolation. At the edges,
  // where windows shrink, all of them are the same pixel. Windows of an even width are centred
  // between pixels: another average, of two, puts them in place.
  int make(const graph::Bilinear& bilinear) {
    const int scale = bilinear.scale;
    const Shape& output = layer_->output;
    if (bilinear.grid == graph::Grid::kCorners) {
      return upsample(Kind::kInterpolate, layer_->name, source(), output, scale, scale);
    }
    const int repeated = upsample(Kind::kUpsample, part_name(layer_->name, "repeated"), source(),
                                  output, scale, scale);
    if (bilinear.grid == graph::Grid::kAsymmetric) {
      return average(layer_->name, repeated, output, scale, 1, {0, 0, scale - 1, scale - 1}, true);
    }
    if (scale % 2 == 1) {
      return average(layer_->name, repeated, output, scale, 1, graph::Padding::all(scale / 2),
                     true);
    }
    const Shape between{output.channels, output.height + 1, output.width + 1};
    const int wide = average(part_name(layer_->name, "between"), repeated, between, scale, 1,
                             graph::Padding::all(scale / 2), true);
    return average(layer_->name, wide, output, 2, 1, {}, true);
  }

  int make(const graph::Shuffle& shuffle) {
    const int parts = shape().channels / shuffle.groups;
    std::vector<int> from;
    for (int i = 0; i < parts; ++i) {
      for (int g = 0; g < shuffle.groups; ++g) from.push_back(g * parts + i);
    }
    return select(layer_->name, source(), shape(), from);
  }

  int make(const graph::Slice& slice) {
    std::vector<int> from;
    for (int c = 0; c < slice.channels; ++c) from.push_back(slice.first + c);
    return select(layer_->name, source(), shape(), from);
  }

  // A convolution of squares, each filter of which copies one pixel of one channel: exact, as
  // select() is.
  int make(const graph::SpaceToDepth& layout) {
    if (layout.order == graph::SpaceToDepth::Order::kDarknet) {  // moves pixels across the map
      refuse_layer(network_, std::ssize(results_), "Metal Performance Shaders");
    }
    const int block = layout.block, channels = shape().channels;
    const auto each = static_cast<std::size_t>(channels);
    const auto filters = static_cast<std::size_t>(layer_->output.channels);
    const std::size_t window = each * static_cast<std::size_t>(block * block);
    count_numbers(filters, window);
    std::vector<float> kernel(filters * window);
    for (std::size_t f = 0; f < filters; ++f) {
      const graph::Pixel from =
          graph::space_to_depth_source(layout, shape(), {static_cast<int>(f), 0, 0});
      const auto pixel = static_cast<std::size_t>(from.row * block + from.column);
      kernel[f * window + pixel * each + static_cast<std::size_t>(from.channel)] = 1;
    }
    const int index = add(Kind::kConvolution, layer_->name, {source()}, layer_->output);
    MpsNode& node = plan_.nodes[index];
    set_window(node, block, block, {});
    node.channels = channels;
    node.weights = store(std::move(kernel), std::vector<float>(filters));
    return index;
  }

  int make(const graph::Route& route) {
    const std::size_t count = layer_->inputs.size();
    if (count == 1) return part(route, 0);
    for (std::size_t i = 0; i + 1 < count; ++i) {
      if (shape(i).channels / route.groups % kSlice != 0) return join(route);
    }
    std::vector<int> parts;
    for (std::size_t i = 0; i < count; ++i) parts.push_back(part(route, i));
    return add(Kind::kConcatenate, layer_->name, parts, layer_->output);
  }

  // One input of a route, or its slice of the channels.
  int part(const graph::Route& route, std::size_t i) {
    if (route.groups == 1) return source(i);
    const int count = shape(i).channels / route.groups;
    std::vector<int> from;
    for (int c = 0; c < count; ++c) from.push_back(route.group * count + c);
    const bool alone = layer_->inputs.size() == 1;
    return select(alone ? layer_->name : part_name(layer_->name, "part" + std::to_string(i)),
                  source(i), shape(i), from);
  }

  // Concatenates images whose channels are not whole slices: each is shifted to its place among
  // zeros, and the results are added.
  int join(const graph::Route& route) {
    const auto total = static_cast<std::size_t>(layer_->output.channels);
    int sum = kGraphInput;
    for (std::size_t i = 0, first = 0; i < layer_->inputs.size(); ++i) {
      const int count = shape(i).channels / route.groups;
      std::vector<int> from(total, -1);
      for (int c = 0; c < count; ++c) {
        from[first + static_cast<std::size_t>(c)] = route.group * count + c;
      }
      first += static_cast<std::size_t>(count);
      const std::string number = std::to_string(i);
      const int placed =
          select(part_name(layer_->name, "place" + number), source(i), shape(i), from);
      const bool last = i + 1 == layer_->inputs.size();
      sum = i == 0 ? placed
                   : add(Kind::kAdd, last ? layer_->name : part_name(layer_->name, "sum" + number),
                         {sum, placed}, layer_->output);
    }
    return sum;
  }

  // Pairwise; term(i) is the node of an input.
  template <typename Term>
  int combine(Kind kind, const char* part, const Term& term) {
    int result = term(0);
    const std::size_t count = layer_->inputs.size();
    for (std::size_t i = 1; i < count; ++i) {
      const bool last = i + 1 == count;
      const int next = term(i);
      result = add(kind, last ? layer_->name : part_name(layer_->name, part + std::to_string(i)),
                   {result, next}, layer_->output);
    }
    return result;
  }

  int make(const graph::Shortcut& shortcut) {
    const int sum = combine(Kind::kAdd, "sum", [&](std::size_t i) {
      return shape(i).channels == layer_->output.channels ? source(i) : fitted(i);
    });
    return activate(sum, shortcut.activation);
  }

  // An input with the channels of the first: more are dropped, and zeros follow fewer.
  int fitted(std::size_t i) {
    std::vector<int> from;
    for (int c = 0; c < layer_->output.channels; ++c) {
      from.push_back(c < shape(i).channels ? c : -1);
    }
    return select(part_name(layer_->name, "fit" + std::to_string(i)), source(i), shape(i), from);
  }

  // Numbers for channels are repeated for every pixel.
  int make(const graph::Product& product) {
    const Shape& output = layer_->output;
    const int result = combine(Kind::kMultiply, "part", [&](std::size_t i) {
      if (shape(i) == output) return source(i);
      return upsample(Kind::kUpsample, part_name(layer_->name, "whole" + std::to_string(i)),
                      source(i), output, output.width, output.height);
    });
    return activate(result, product.activation);
  }

  int make(const graph::Softmax&) {
    return add(Kind::kSoftmax, layer_->name, {source()}, layer_->output);
  }

  int make(const graph::HeadOperation auto&) { return source(); }
  int make(const auto&) {
    refuse_layer(network_, std::ssize(results_), "Metal Performance Shaders");
  }

  // A graph's result is the image of a node: outputs that are the input itself or that are shared
  // get a separate node.
  void give_outputs_nodes() {
    std::set<int> seen;
    for (int& output : plan_.outputs) {
      if (output != kGraphInput && seen.insert(output).second) continue;
      const Shape& from = output == kGraphInput ? plan_.input : plan_.nodes[output].output;
      std::vector<int> all;
      for (int c = 0; c < from.channels; ++c) all.push_back(c);
      output = select(part_name("output", "copy"), output, Shape(from), all);
      seen.insert(output);
    }
  }

  const Network& network_;
  const Layer* layer_;  // the current one
  int input_ = kGraphInput;
  std::vector<int> results_;  // the node whose image is the layer's output
  std::set<std::string> names_;
  std::size_t count_ = 0;
  Plan plan_;
};

}  // namespace

std::string_view method_of(Kind kind) {
  switch (kind) {
    case Kind::kConvolution:
      return "convolution";
    case Kind::kDepthwise:
      return "depthwise";
    case Kind::kMaxPool:
      return "maxPool";
    case Kind::kAveragePool:
      return "averagePool";
    case Kind::kUpsample:
      return "upsample";
    case Kind::kInterpolate:
      return "interpolate";
    case Kind::kConcatenate:
      return "concatenate";
    case Kind::kAdd:
      return "add";
    case Kind::kMultiply:
      return "multiply";
    case Kind::kNeuron:
      return "neuron";
    case Kind::kSoftmax:
      return "softmax";
  }
  return {};
}

// Without dilation: where Metal centres dilated windows of even sides is not documented.
Plan make_plan(const Network& network) {
  const Network plain = graph::undilated(network);
  return Planner(plain).make();
}

}  // namespace oko::formats::mps

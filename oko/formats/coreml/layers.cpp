#include "oko/formats/coreml/layers.h"

#include <algorithm>
#include <cmath>

#include "oko/base/half.h"
#include "oko/formats/builder.h"
#include "oko/formats/format.h"
#include "oko/graph/fold.h"

namespace oko::formats::coreml {
namespace {

using graph::Activation;
using graph::Padding;

constexpr int kAveragePool = 1, kThreshold = 7;  // pooling and unary types
constexpr float kRelu6Limit = 6;

void set_halves(std::span<const float> values, proto::Weights& to) {
  std::string& bytes = *to.mutable_halves();
  bytes.reserve(values.size() * 2);
  for (const float value : values) {
    const std::uint16_t bits = to_half(value).bits;
    bytes.push_back(static_cast<char>(bits & 0xff));
    bytes.push_back(static_cast<char>(bits >> 8));
  }
}

void set_floats(std::span<const float> values, proto::Weights& to) {
  to.mutable_floats()->Add(values.begin(), values.end());
}

// weight = raw · scale + bias, both per row: 0 and 255 are its minimum and maximum.
void set_bytes(std::span<const float> values, std::size_t rows, proto::Weights& to) {
  to.mutable_quantization()->set_bits(8);
  proto::Linear& linear = *to.mutable_quantization()->mutable_linear();
  std::string& bytes = *to.mutable_raw();
  bytes.reserve(values.size());
  const std::size_t each = values.size() / rows;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto part = values.subspan(row * each, each);
    const auto [least, most] = std::ranges::minmax(part);
    const double step = (static_cast<double>(most) - least) / 255;
    linear.add_scale(static_cast<float>(step));
    linear.add_bias(least);
    for (const float value : part) {
      const double raw = step > 0 ? (static_cast<double>(value) - least) / step : 0;
      bytes.push_back(static_cast<char>(std::clamp(std::lround(raw), 0L, 255L)));
    }
  }
}

void set_amounts(const Padding& p, proto::ValidPadding& to) {
  if (p == Padding{}) return;
  const auto add = [&](int start, int end) {
    proto::EdgeSizes& edges = *to.mutable_amounts()->add_amounts();
    edges.set_start(static_cast<std::uint64_t>(start));
    edges.set_end(static_cast<std::uint64_t>(end));
  };
  add(p.top, p.bottom);
  add(p.left, p.right);
}

template <typename List>
void set_pair(int value, List& list) {
  for (int i = 0; i < 2; ++i) list.Add(static_cast<std::uint64_t>(value));
}

class NetworkWriter {
 public:
  NetworkWriter(const graph::Network& network, LayerWriter& writer)
      : network_(network), writer_(writer) {}

  void run(const std::vector<std::string>& outputs) {
    input_ = writer_.map_name(kInputName);
    maps_.resize(network_.layers.size());
    const std::vector<int> layers = network_.outputs();
    for (std::size_t i = 0; i < layers.size(); ++i) {
      maps_[layers[i]] = writer_.map_name(outputs[i]);
    }
    for (index_ = 0; index_ < network_.layers.size(); ++index_) {
      if (graph::is_head(layer().operation)) continue;
      if (map().empty()) maps_[index_] = writer_.map_name(layer().name);
      std::visit([this](const auto& operation) { write(operation); }, layer().operation);
    }
  }

 private:
  const graph::Layer& layer() const { return network_.layers[index_]; }
  const std::string& map() const { return maps_[index_]; }
  std::string input(std::size_t i = 0) const { return map_of(layer().inputs[i]); }
  std::string map_of(int from) const { return from == graph::kNetworkInput ? input_ : maps_[from]; }
  std::vector<std::string> inputs() const {
    std::vector<std::string> names;
    for (const int from : layer().inputs) names.push_back(map_of(from));
    return names;
  }
  const graph::Shape& input_shape() const {
    return graph::shape_of(network_, layer().inputs.front());
  }
  std::span<const float> weight(const char* part) const {
    return graph::weight_of(network_, layer(), part).floats();
  }
  proto::Layer& add(const char* suffix, const std::vector<std::string>& from,
                    const std::string& to) {
    return writer_.add(layer().name + suffix, from, to);
  }

  // The tensor before the layer's activation, or the layer's output if it has none.
  std::string before_activation(Activation activation) {
    return activation == Activation::kLinear ? map() : writer_.map_name(layer().name + ".linear");
  }

  void write(const graph::Convolution& c) {
    const std::string to = before_activation(c.activation);
    proto::Convolution& out = *add("", {input()}, to).mutable_convolution();
    out.set_output_channels(static_cast<std::uint64_t>(c.filters));
    out.set_kernel_channels(static_cast<std::uint64_t>(input_shape().channels / c.groups));
    out.set_groups(static_cast<std::uint64_t>(c.groups));
    set_pair(c.size, *out.mutable_kernel_size());
    set_pair(c.stride, *out.mutable_stride());
    set_pair(1, *out.mutable_dilation());
    set_amounts(c.padding, *out.mutable_valid());
    out.set_with_bias(true);
    writer_.set_kernel(weight("kernel"), static_cast<std::size_t>(c.filters),
                       *out.mutable_weights());
    writer_.set_bias(weight("bias"), *out.mutable_bias());
    activate(c.activation, to);
  }

  // `same` where it is equivalent: it is known to pad with −infinity.
  void write(const graph::MaxPool& pool) {
    proto::Pooling& out = *add("", {input()}, map()).mutable_pooling();
    set_pair(pool.size, *out.mutable_kernel_size());
    set_pair(pool.stride, *out.mutable_stride());
    if (pool.padding != Padding{} &&
        pool.padding == same_padding(input_shape(), pool.size, pool.stride)) {
      out.mutable_same();
    } else {
      set_amounts(pool.padding, *out.mutable_valid());
    }
  }

  void write(const graph::AveragePool&) {
    proto::Pooling& out = *add("", {input()}, map()).mutable_pooling();
    out.set_type(kAveragePool);
    out.set_global(true);
    set_pair(1, *out.mutable_kernel_size());
    set_pair(1, *out.mutable_stride());
    out.mutable_valid();
  }

  void write(const graph::Upsample& upsample) {
    set_pair(upsample.scale, *add("", {input()}, map()).mutable_upsample()->mutable_scale());
  }

  void write(const graph::Route& route) {
    if (route.groups == 1) {
      add("", inputs(), map()).mutable_concat();
      return;
    }
    if (layer().inputs.size() == 1) return cut(route, 0, "", map());
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < layer().inputs.size(); ++i) {
      const std::string suffix = ".part" + std::to_string(i);
      parts.push_back(writer_.map_name(layer().name + suffix));
      cut(route, i, suffix.c_str(), parts.back());
    }
    add("", parts, map()).mutable_concat();
  }

  void cut(const graph::Route& route, std::size_t from, const char* suffix, const std::string& to) {
    const int channels = graph::shape_of(network_, layer().inputs[from]).channels / route.groups;
    proto::Slice& out = *add(suffix, {input(from)}, to).mutable_slice();
    out.set_begin(route.group * channels);
    out.set_end((route.group + 1) * channels);
    out.set_stride(1);
  }

  void write(const graph::Shortcut& shortcut) {
    const std::string to = before_activation(shortcut.activation);
    add("", inputs(), to).mutable_add();
    activate(shortcut.activation, to);
  }

  void write(const graph::Softmax&) { add("", {input()}, map()).mutable_softmax(); }
  // inference_form() has no dropout, and heads are not written.
  void write(const auto&) { refuse_layer(network_, static_cast<int>(index_), "Core ML"); }

  void activate(Activation activation, const std::string& from) {
    const auto add_activation = [&]() -> proto::Activation& {
      return *add(".activation", {from}, map()).mutable_activation();
    };
    switch (activation) {
      case Activation::kLinear:
        return;
      case Activation::kLeaky:
        return add_activation().mutable_leaky()->set_alpha(graph::kLeakySlope);
      case Activation::kRelu:
        add_activation().mutable_relu();
        return;
      case Activation::kLogistic:
        add_activation().mutable_sigmoid();
        return;
      case Activation::kRelu6:
        return activate_relu6(from);
      case Activation::kMish:
        return activate_mish(from);
      case Activation::kSwish:
        return activate_swish(from);
      case Activation::kHardSigmoid:
      case Activation::kHardSwish:
      case Activation::kElu:
      case Activation::kTanh:
        return;  // check_layers() has refused them
    }
  }

  // min(relu(x), 6) as −max(−relu(x), −6): a single layer for it exists only since version 5.
  void activate_relu6(const std::string& from) {
    const std::string relu = writer_.map_name(layer().name + ".relu");
    const std::string least = writer_.map_name(layer().name + ".least");
    add(".relu", {from}, relu).mutable_activation()->mutable_relu();
    proto::Unary& unary = *add(".least", {relu}, least).mutable_unary();
    unary.set_type(kThreshold);
    unary.set_alpha(-kRelu6Limit);
    unary.set_scale(-1);
    add(".activation", {least}, map()).mutable_activation()->mutable_linear()->set_alpha(-1);
  }

  // x · tanh(softplus(x)).
  void activate_mish(const std::string& from) {
    const std::string softplus = writer_.map_name(layer().name + ".softplus");
    const std::string tanh = writer_.map_name(layer().name + ".tanh");
    add(".softplus", {from}, softplus).mutable_activation()->mutable_softplus();
    add(".tanh", {softplus}, tanh).mutable_activation()->mutable_tanh();
    add(".activation", {from, tanh}, map()).mutable_multiply();
  }

  // x · sigmoid(x).
  void activate_swish(const std::string& from) {
    const std::string sigmoid = writer_.map_name(layer().name + ".sigmoid");
    add(".sigmoid", {from}, sigmoid).mutable_activation()->mutable_sigmoid();
    add(".activation", {from, sigmoid}, map()).mutable_multiply();
  }

  const graph::Network& network_;
  LayerWriter& writer_;
  std::string input_;
  std::vector<std::string> maps_;
  std::size_t index_ = 0;
};

}  // namespace

proto::Layer& LayerWriter::add(const std::string& name, const std::vector<std::string>& inputs,
                               const std::string& output) {
  proto::Layer& layer = *network_.add_layers();
  layer.set_name(layers_.unused(name));
  for (const std::string& input : inputs) layer.add_inputs(input);
  layer.add_outputs(output);
  return layer;
}

void LayerWriter::set_kernel(std::span<const float> values, std::size_t rows,
                             proto::Weights& to) const {
  switch (weights_) {
    case graph::Precision::kFloat32:
      return set_floats(values, to);
    case graph::Precision::kFloat16:
      return set_halves(values, to);
    case graph::Precision::kInt8:
      return set_bytes(values, rows, to);
  }
}

void LayerWriter::set_bias(std::span<const float> values, proto::Weights& to) const {
  weights_ == graph::Precision::kFloat16 ? set_halves(values, to) : set_floats(values, to);
}

void write_layers(const graph::Network& network, const std::vector<std::string>& outputs,
                  LayerWriter& writer) {
  NetworkWriter(network, writer).run(outputs);
}

}  // namespace oko::formats::coreml

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
constexpr int kBilinear = 1;                     // an upsampling mode
constexpr int kOnHalfPixels = 2;                 // how it finds places between pixels
constexpr int kStrictCorners = 0;                // a sampling method of a resize
constexpr int kResizeVersion = 3, kMatmulVersion = 4, kHalfPixelVersion = 5;
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
  const graph::Shape& input_shape(std::size_t i = 0) const {
    return graph::shape_of(network_, layer().inputs[i]);
  }
  const graph::Shape& output_shape() const { return layer().output; }
  std::span<const float> weight(const char* part) const {
    return graph::weight_of(network_, layer(), part).floats();
  }
  proto::Layer& add(const std::string& suffix, const std::vector<std::string>& from,
                    const std::string& to) {
    return writer_.add(layer().name + suffix, from, to);
  }
  // The name of a tensor inside the layer.
  std::string part(const std::string& suffix) { return writer_.map_name(layer().name + suffix); }
  void slice(const std::string& suffix, const std::string& from, const std::string& to, Axis axis,
             std::int64_t begin, std::int64_t end) {
    writer_.add_slice(layer().name + suffix, from, to, axis, begin, end);
  }
  void reshape(const std::string& suffix, const std::string& from, const std::string& to,
               const std::array<std::int64_t, 3>& shape) {
    writer_.add_reshape(layer().name + suffix, from, to, shape);
  }
  std::string reshaped(const std::string& suffix, const std::string& from,
                       const std::array<std::int64_t, 3>& shape) {
    const std::string made = part(suffix);
    reshape(suffix, from, made, shape);
    return made;
  }

  // The tensor before the layer's activation, or the layer's output if it has none.
  std::string before_activation(Activation activation) {
    return activation == Activation::kLinear ? map() : part(".linear");
  }

  void write(const graph::Convolution& c) {
    const std::string to = before_activation(c.activation);
    proto::Convolution& out = *add("", {input()}, to).mutable_convolution();
    out.set_output_channels(static_cast<std::uint64_t>(c.filters));
    out.set_kernel_channels(static_cast<std::uint64_t>(input_shape().channels / c.groups));
    out.set_groups(static_cast<std::uint64_t>(c.groups));
    set_pair(c.size, *out.mutable_kernel_size());
    set_pair(c.stride, *out.mutable_stride());
    set_pair(c.dilation, *out.mutable_dilation());
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

  void write(const graph::AveragePool& pool) {
    proto::Pooling& out = *add("", {input()}, map()).mutable_pooling();
    out.set_type(kAveragePool);
    out.set_global(pool.is_global());
    set_pair(std::max(pool.size, 1), *out.mutable_kernel_size());
    set_pair(pool.stride, *out.mutable_stride());
    out.mutable_valid();
    if (pool.is_global()) return;
    set_amounts(pool.padding, *out.mutable_valid());
    out.set_exclude_padding(!pool.counts_padding);
  }

  void write(const graph::Upsample& upsample) {
    set_pair(upsample.scale, *add("", {input()}, map()).mutable_upsample()->mutable_scale());
  }

  // The grid of pixel corners is the plain upsampling's; others came with later versions.
  void write(const graph::Bilinear& bilinear) {
    proto::Layer& layer = add("", {input()}, map());
    if (bilinear.grid == graph::Grid::kCorners) {
      writer_.require_version(kResizeVersion);
      proto::ResizeBilinear& out = *layer.mutable_resize_bilinear();
      out.add_size(static_cast<std::uint64_t>(output_shape().height));
      out.add_size(static_cast<std::uint64_t>(output_shape().width));
      out.mutable_sampling()->set_method(kStrictCorners);
      return;
    }
    proto::Upsample& out = *layer.mutable_upsample();
    set_pair(bilinear.scale, *out.mutable_scale());
    out.set_mode(kBilinear);
    if (bilinear.grid != graph::Grid::kHalfPixel) return;
    writer_.require_version(kHalfPixelVersion);
    out.set_linear_mode(kOnHalfPixels);
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
    const int channels = input_shape(from).channels / route.groups;
    slice(suffix, input(from), to, kChannels, route.group * channels, (route.group + 1) * channels);
  }

  void write(const graph::Slice& part) {
    slice("", input(), map(), kChannels, part.first, part.first + part.channels);
  }

  void write(const graph::Shuffle& layer) { shuffle(input(), layer.groups); }

  // Channels as groups x parts, exchanged, to the layer's output.
  void shuffle(const std::string& from, int groups) {
    const graph::Shape& s = output_shape();
    const std::int64_t pixels = std::int64_t{s.height} * s.width;
    const std::string grouped = reshaped(".groups", from, {groups, s.channels / groups, pixels});
    const std::string exchanged = part(".exchange");
    writer_.add_permute(layer().name + ".exchange", grouped, exchanged,
                        {kRows, kChannels, kColumns});
    reshape("", exchanged, map(), {s.channels, s.height, s.width});
  }

  // The layer for it has the order of rows. Others exchange its blocks, or blocks and channels.
  void write(const graph::SpaceToDepth& layout) {
    using Order = graph::SpaceToDepth::Order;
    const graph::Shape& in = input_shape();
    const graph::Shape& s = output_shape();
    const int block = layout.block, square = block * block;
    switch (layout.order) {
      case Order::kRows:
        return reorganize("", input(), map(), block);
      case Order::kChannels:
        return shuffle(reorganized(input(), block), square);
      case Order::kColumns: {
        const std::string rows = reorganized(input(), block);
        std::vector<std::string> parts;
        for (int i = 0; i < square; ++i) {
          const int from = (i % block * block + i / block) * in.channels;
          const std::string suffix = ".block" + std::to_string(i);
          parts.push_back(part(suffix));
          slice(suffix, rows, parts.back(), kChannels, from, from + in.channels);
        }
        add("", parts, map()).mutable_concat();
        return;
      }
      case Order::kDarknet: {  // as it is stored there: fewer channels of larger maps
        const std::string seen = reshaped(".seen", input(),
                                          {in.channels / square, std::int64_t{in.height} * block,
                                           std::int64_t{in.width} * block});
        return reshape("", reorganized(seen, block), map(), {s.channels, s.height, s.width});
      }
    }
  }

  std::string reorganized(const std::string& from, int block) {
    const std::string rows = part(".rows");
    reorganize(".rows", from, rows, block);
    return rows;
  }
  void reorganize(const char* suffix, const std::string& from, const std::string& to, int block) {
    add(suffix, {from}, to).mutable_reorganize()->set_block(static_cast<std::uint64_t>(block));
  }

  void write(const graph::Shortcut& shortcut) {
    const std::string to = before_activation(shortcut.activation);
    if (shortcut.unequal) {
      add_unequal(to);
    } else {
      add("", inputs(), to).mutable_add();
    }
    activate(shortcut.activation, to);
  }

  // Input after input: the channels that both have are added, those that only the first has follow.
  void add_unequal(const std::string& to) {
    std::string sum = input();
    const int channels = output_shape().channels;
    for (std::size_t i = 1; i < layer().inputs.size(); ++i) {
      const bool last = i + 1 == layer().inputs.size();
      const std::string number = std::to_string(i), suffix = last ? "" : ".sum" + number;
      const std::string result = last ? to : part(suffix);
      const int common = std::min(channels, input_shape(i).channels);
      const auto cut = [&](const char* what, const std::string& from, int begin, int end) {
        const std::string name = what + number, made = part(name);
        slice(name, from, made, kChannels, begin, end);
        return made;
      };
      if (common == channels) {
        const bool longer = input_shape(i).channels > channels;
        const std::string term = longer ? cut(".part", input(i), 0, channels) : input(i);
        add(suffix, {sum, term}, result).mutable_add();
      } else {
        const std::string both = part(".both" + number);
        add(".both" + number, {cut(".common", sum, 0, common), input(i)}, both).mutable_add();
        add(suffix, {both, cut(".rest", sum, common, channels)}, result).mutable_concat();
      }
      sum = result;
    }
  }

  void write(const graph::Product& product) {
    const std::string to = before_activation(product.activation);
    add("", inputs(), to).mutable_multiply();
    activate(product.activation, to);
  }

  // Heads, their channels, and pixels are the axes of its tensors.
  void write(const graph::Attention& attention) {
    const graph::Shape &in = input_shape(), &s = output_shape();
    const std::int64_t heads = attention.heads, keys = attention.key_channels;
    const std::int64_t pixels = std::int64_t{in.height} * in.width;
    const std::int64_t all = in.channels / heads;
    const std::string apart = reshaped(".heads", input(), {heads, all, pixels});
    const auto rows = [&](const char* suffix, std::int64_t begin, std::int64_t end) {
      const std::string made = part(suffix);
      slice(suffix, apart, made, kRows, begin, end);
      return made;
    };
    const std::string query = rows(".queries", 0, keys), key = rows(".keys", keys, 2 * keys),
                      value = rows(".values", 2 * keys, all);
    writer_.require_version(kMatmulVersion);
    const std::string dots = part(".dots"), scaled = part(".scaled"), shares = part(".shares"),
                      sums = part(".sums");
    add(".dots", {query, key}, dots).mutable_batched_matmul()->set_transpose_first(true);
    add(".scaled", {dots}, scaled)
        .mutable_activation()
        ->mutable_linear()
        ->set_alpha(attention.scale);
    add(".shares", {scaled}, shares).mutable_softmax_nd()->set_axis(-1);
    add(".sums", {value, shares}, sums).mutable_batched_matmul()->set_transpose_second(true);
    reshape("", sums, map(), {s.channels, s.height, s.width});
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
        return set_hard_sigmoid(*add_activation().mutable_hard_sigmoid());
      case Activation::kHardSwish:
        return activate_hard_swish(from);
      case Activation::kElu:
        return add_activation().mutable_elu()->set_alpha(1);
      case Activation::kTanh:
        add_activation().mutable_tanh();
        return;
    }
  }

  // min(relu(x), 6) as −max(−relu(x), −6): a single layer for it exists only since version 5.
  void activate_relu6(const std::string& from) {
    const std::string relu = part(".relu");
    const std::string least = part(".least");
    add(".relu", {from}, relu).mutable_activation()->mutable_relu();
    proto::Unary& unary = *add(".least", {relu}, least).mutable_unary();
    unary.set_type(kThreshold);
    unary.set_alpha(-kRelu6Limit);
    unary.set_scale(-1);
    add(".activation", {least}, map()).mutable_activation()->mutable_linear()->set_alpha(-1);
  }

  // x · tanh(softplus(x)).
  void activate_mish(const std::string& from) {
    const std::string softplus = part(".softplus");
    const std::string tanh = part(".tanh");
    add(".softplus", {from}, softplus).mutable_activation()->mutable_softplus();
    add(".tanh", {softplus}, tanh).mutable_activation()->mutable_tanh();
    add(".activation", {from, tanh}, map()).mutable_multiply();
  }

  static void set_hard_sigmoid(proto::Line& line) {
    line.set_alpha(1.F / 6);
    line.set_beta(.5F);
  }

  void activate_hard_swish(const std::string& from) {
    const std::string gate = part(".gate");
    set_hard_sigmoid(*add(".gate", {from}, gate).mutable_activation()->mutable_hard_sigmoid());
    add(".activation", {from, gate}, map()).mutable_multiply();
  }

  // x · sigmoid(x).
  void activate_swish(const std::string& from) {
    const std::string sigmoid = part(".sigmoid");
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

void LayerWriter::add_slice(const std::string& name, const std::string& from, const std::string& to,
                            Axis axis, std::int64_t begin, std::int64_t end) {
  proto::Slice& slice = *add(name, {from}, to).mutable_slice();
  slice.set_begin(begin);
  slice.set_end(end);
  slice.set_stride(1);
  slice.set_axis(axis);
}

void LayerWriter::add_reshape(const std::string& name, const std::string& from,
                              const std::string& to, const std::array<std::int64_t, 3>& shape) {
  proto::Reshape& reshape = *add(name, {from}, to).mutable_reshape();
  for (const std::int64_t side : shape) reshape.add_shape(side);
}

void LayerWriter::add_permute(const std::string& name, const std::string& from,
                              const std::string& to, const std::array<Axis, 3>& order) {
  proto::Permute& permute = *add(name, {from}, to).mutable_permute();
  permute.add_axes(0);  // of sequences
  for (const Axis axis : order) permute.add_axes(static_cast<std::uint64_t>(axis) + 1);
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

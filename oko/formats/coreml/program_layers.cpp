#include "oko/formats/coreml/program_layers.h"

#include <algorithm>
#include <array>
#include <span>

#include "oko/formats/builder.h"
#include "oko/formats/coreml/decoding.h"
#include "oko/formats/coreml/describe.h"
#include "oko/formats/coreml/program_arithmetic.h"
#include "oko/formats/coreml/program_builder.h"
#include "oko/formats/format.h"
#include "oko/formats/heads.h"
#include "oko/graph/fold.h"

namespace oko::formats::coreml {
namespace {

using graph::Activation;
using graph::Padding;

constexpr float kSixth = 1.F / 6;

Sides sides_of(const graph::Shape& shape) { return {1, shape.channels, shape.height, shape.width}; }

class ProgramWriter {
 public:
  ProgramWriter(const graph::Network& network, bool float32, proto::Program& program)
      : network_(network), to_(program, float32 ? kFloat32 : kFloat16) {}

  WrittenProgram run(bool boxes) {
    for (const std::string& name : boxes ? std::vector<std::string>{kRawConfidence, kRawCoordinates}
                                         : output_names(network_)) {
      to_.name(name);
    }
    write_input();
    values_.resize(network_.layers.size());
    for (index_ = 0; index_ < network_.layers.size(); ++index_) {
      if (graph::is_head(layer().operation)) continue;
      values_[index_] =
          std::visit([this](const auto& operation) { return write(operation); }, layer().operation);
    }
    WrittenProgram written;
    if (boxes) {
      written.boxes = write_boxes();
    } else {
      write_outputs();
    }
    written.weights = to_.finish_weights();
    return written;
  }

 private:
  using Operation = ProgramBuilder::Operation;

  const graph::Layer& layer() const { return network_.layers[index_]; }
  const std::string& name() const { return layer().name; }
  std::string own(const std::string& what) const { return name() + "." + what; }
  std::string value_of(int from) const {
    return from == graph::kNetworkInput ? input_ : values_[from];
  }
  std::string input(std::size_t i = 0) const { return value_of(layer().inputs[i]); }
  const graph::Shape& input_shape(std::size_t i = 0) const {
    return graph::shape_of(network_, layer().inputs[i]);
  }
  const graph::Shape& shape() const { return layer().output; }
  Sides sides() const { return sides_of(shape()); }
  std::span<const float> weight(const char* part) const {
    return graph::weight_of(network_, layer(), part).floats();
  }

  // Bytes are scaled to 0…1 in float32: in float16 1/255 would be off by up to 1/2000.
  void write_input() {
    const Sides sides = sides_of(network_.input);
    const bool image = takes_image(network_);
    input_ = to_.name(kInputName);
    to_.input(input_, kFloat32, image ? sides : Sides{sides.begin() + 1, sides.end()});
    if (image) {
      const std::string factor = to_.number("image_scale", kFloat32, 1.F / 255);
      input_ = to_.add("mul", "image.scaled", kFloat32, sides, to_.name("image_scaled"))
                   .give("x", input_)
                   .give("y", factor)
                   .output;
    }
    if (to_.type() == kFloat16) {
      input_ = to_.cast("image.cast", input_, kFloat16, sides, to_.name("image_cast"));
    }
  }

  // Each output is a float32 value under its own name.
  void write_outputs() {
    const std::vector<std::string> names = output_names(network_);
    const std::vector<int> outputs = network_.outputs();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const auto& from = network_.layers[outputs[i]];
      to_.cast(names[i] + ".cast", value_of(outputs[i]), kFloat32, sides_of(from.output), names[i]);
      to_.output(names[i]);
    }
  }

  std::int64_t write_boxes() {
    ProgramArithmetic arithmetic(to_);
    std::vector<std::string> maps;
    for (const int output : network_.outputs()) {
      const graph::Layer& from = network_.layers[static_cast<std::size_t>(output)];
      std::string value = value_of(output);
      if (to_.type() == kFloat16) {
        value = to_.cast(from.name + ".float32", value, kFloat32, sides_of(from.output),
                         to_.name(from.name + ".float32"));
      }
      arithmetic.take(value, {from.output.channels, from.output.height, from.output.width});
      maps.push_back(value);
    }
    return write_decoding(network_, maps, arithmetic);
  }

  // ---- windows ---------------------------------------------------------------------------------

  using Window = std::array<std::pair<const char*, std::string>, 3>;
  Window window(int stride, const Padding& p, bool same) {
    const char* const type = same ? "same" : p == Padding{} ? "valid" : "custom";
    return {{{"strides", to_.integers(own("strides"), {stride, stride})},
             {"pad_type", to_.text(own("pad_type"), type)},
             {"pad", to_.integers(own("pad"), {p.top, p.bottom, p.left, p.right})}}};
  }
  static void give(Operation& operation, const Window& window) {
    for (const auto& [parameter, value] : window) operation.give(parameter, value);
  }

  std::string write(const graph::Convolution& c) {
    const std::string kernel =
        to_.blob(own("kernel"), weight("kernel"),
                 {c.filters, input_shape().channels / c.groups, c.size, c.size});
    const std::string bias = to_.blob(own("bias"), weight("bias"), {c.filters});
    const Window constants = window(c.stride, c.padding, false);
    const std::string dilations = to_.integers(own("dilations"), {c.dilation, c.dilation});
    const std::string groups = to_.integer(own("groups"), c.groups);
    Operation operation = to_.on("conv", name(), input(), sides());
    operation.give("weight", kernel).give("bias", bias);
    give(operation, constants);
    operation.give("dilations", dilations).give("groups", groups);
    return activated(c.activation, operation.output);
  }

  std::string write(const graph::MaxPool& pool) {
    const std::string size = to_.integers(own("kernel_sizes"), {pool.size, pool.size});
    const bool same = pool.padding != Padding{} &&
                      pool.padding == same_padding(input_shape(), pool.size, pool.stride);
    const Window constants = window(pool.stride, pool.padding, same);
    const std::string ceil = to_.flag(own("ceil_mode"), false);
    Operation operation = to_.on("max_pool", name(), input(), sides());
    operation.give("kernel_sizes", size);
    give(operation, constants);
    return operation.give("ceil_mode", ceil).output;
  }

  std::string write(const graph::AveragePool& pool) {
    if (pool.is_global()) {
      const std::string axes = to_.integers(own("axes"), {-2, -1});
      const std::string keep = to_.flag(own("keep_dims"), true);
      return to_.on("reduce_mean", name(), input(), sides())
          .give("axes", axes)
          .give("keep_dims", keep)
          .output;
    }
    const std::string size = to_.integers(own("kernel_sizes"), {pool.size, pool.size});
    const Window constants = window(pool.stride, pool.padding, false);
    const std::string exclude = to_.flag(own("exclude_padding_from_average"), !pool.counts_padding);
    const std::string ceil = to_.flag(own("ceil_mode"), false);
    Operation operation = to_.on("avg_pool", name(), input(), sides());
    operation.give("kernel_sizes", size);
    give(operation, constants);
    return operation.give("exclude_padding_from_average", exclude).give("ceil_mode", ceil).output;
  }

  // ---- sizes -----------------------------------------------------------------------------------

  std::string write(const graph::Upsample& upsample) {
    return scaled("upsample_nearest_neighbor", upsample.scale).output;
  }
  Operation scaled(const char* type, int scale) {
    const auto factor = static_cast<float>(scale);
    const std::string rows = to_.number(own("scale_factor_height"), kFloat32, factor);
    const std::string columns = to_.number(own("scale_factor_width"), kFloat32, factor);
    Operation operation = to_.on(type, name(), input(), sides());
    operation.give("scale_factor_height", rows).give("scale_factor_width", columns);
    return operation;
  }

  std::string write(const graph::Bilinear& bilinear) {
    if (bilinear.grid != graph::Grid::kAsymmetric) {
      const std::string corners =
          to_.flag(own("align_corners"), bilinear.grid == graph::Grid::kCorners);
      return scaled("upsample_bilinear", bilinear.scale).give("align_corners", corners).output;
    }
    const std::string rows = to_.integer(own("target_size_height"), shape().height);
    const std::string columns = to_.integer(own("target_size_width"), shape().width);
    const std::string mode = to_.text(own("sampling_mode"), "DEFAULT");
    return to_.on("resize_bilinear", name(), input(), sides())
        .give("target_size_height", rows)
        .give("target_size_width", columns)
        .give("sampling_mode", mode)
        .output;
  }

  // ---- moving values ---------------------------------------------------------------------------

  std::string write(const graph::Route& route) {
    if (route.groups > 1 && layer().inputs.size() == 1) return part(route, 0, name());
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < layer().inputs.size(); ++i) {
      parts.push_back(route.groups == 1 ? input(i)
                                        : part(route, i, own("part" + std::to_string(i))));
    }
    return joined(name(), parts, sides());
  }

  std::string joined(const std::string& named, const std::vector<std::string>& parts,
                     const Sides& made) {
    const std::string axis = to_.integer(named + ".axis", 1);
    const std::string interleave = to_.flag(named + ".interleave", false);
    Operation operation = to_.add("concat", named, made);
    for (const std::string& value : parts) operation.give("values", value);
    return operation.give("axis", axis).give("interleave", interleave).output;
  }

  std::string part(const graph::Route& route, std::size_t from, const std::string& named) {
    graph::Shape made = input_shape(from);
    made.channels /= route.groups;
    return cut(named, input(from), route.group * made.channels, sides_of(made));
  }

  // `made` from channel `begin` on.
  std::string cut(const std::string& named, const std::string& x, std::int64_t begin,
                  const Sides& made) {
    const std::string first = to_.integers(named + ".begin", {0, begin, 0, 0});
    const std::string size = to_.integers(named + ".size", made);
    return to_.on("slice_by_size", named, x, made).give("begin", first).give("size", size).output;
  }

  std::string write(const graph::Slice& slice) {
    return cut(name(), input(), slice.first, sides());
  }

  std::string reshaped(const std::string& named, const std::string& x, const Sides& made) {
    const std::string shape = to_.integers(named + ".shape", made);
    return to_.on("reshape", named, x, made).give("shape", shape).output;
  }

  std::string write(const graph::Shuffle& layer) { return shuffled(input(), layer.groups); }

  // Channels as groups x parts, exchanged. Four axes: the Neural Engine has no more.
  std::string shuffled(const std::string& from, int groups) {
    const std::int64_t parts = shape().channels / groups;
    const std::int64_t pixels = std::int64_t{shape().height} * shape().width;
    const std::string grouped = reshaped(own("groups"), from, {1, groups, parts, pixels});
    const std::string order = to_.integers(own("order"), {0, 2, 1, 3});
    const std::string exchanged =
        to_.on("transpose", own("exchange"), grouped, {1, parts, groups, pixels})
            .give("perm", order)
            .output;
    return reshaped(name(), exchanged, sides());
  }

  // The operation for it has the order of rows. Others exchange its blocks, or blocks and channels.
  std::string write(const graph::SpaceToDepth& layout) {
    using Order = graph::SpaceToDepth::Order;
    const graph::Shape& in = input_shape();
    const int block = layout.block, square = block * block;
    switch (layout.order) {
      case Order::kRows:
        return rows_of_squares(name(), input(), block);
      case Order::kChannels:
        return shuffled(rows_of_squares(own("rows"), input(), block), square);
      case Order::kColumns: {
        const std::string rows = rows_of_squares(own("rows"), input(), block);
        std::vector<std::string> parts;
        for (int i = 0; i < square; ++i) {
          const int from = (i % block * block + i / block) * in.channels;
          parts.push_back(cut(own("block" + std::to_string(i)), rows, from,
                              {1, in.channels, shape().height, shape().width}));
        }
        return joined(name(), parts, sides());
      }
      case Order::kDarknet: {  // as it is stored there: fewer channels of larger maps
        const std::string seen = reshaped(own("seen"), input(),
                                          {1, in.channels / square, std::int64_t{in.height} * block,
                                           std::int64_t{in.width} * block});
        const Sides whole{1, in.channels, in.height, in.width};
        return reshaped(name(), rows_of_squares(own("rows"), seen, block, whole), sides());
      }
    }
    return {};
  }
  std::string rows_of_squares(const std::string& named, const std::string& x, int block,
                              const Sides& made) {
    const std::string size = to_.integer(named + ".block_size", block);
    return to_.on("space_to_depth", named, x, made).give("block_size", size).output;
  }
  std::string rows_of_squares(const std::string& named, const std::string& x, int block) {
    return rows_of_squares(named, x, block, sides());
  }

  // ---- arithmetic ------------------------------------------------------------------------------

  // Of several tensors pairwise.
  std::string combined(const char* type) {
    std::string so_far = input();
    for (std::size_t i = 1; i < layer().inputs.size(); ++i) {
      const bool last = i + 1 == layer().inputs.size();
      const std::string named = last ? name() : own("part" + std::to_string(i));
      so_far = to_.on(type, named, so_far, sides()).give("y", input(i)).output;
    }
    return so_far;
  }

  std::string write(const graph::Shortcut& shortcut) {
    return activated(shortcut.activation, shortcut.unequal ? unequal_sum() : combined("add"));
  }

  // Input after input: the channels that both have are added, those that only the first has follow.
  std::string unequal_sum() {
    std::string sum = input();
    const int channels = shape().channels;
    for (std::size_t i = 1; i < layer().inputs.size(); ++i) {
      const bool last = i + 1 == layer().inputs.size();
      const std::string number = std::to_string(i), named = last ? name() : own("sum" + number);
      const int common = std::min(channels, input_shape(i).channels);
      const auto piece = [&](const char* what, const std::string& from, int begin, int end) {
        return cut(own(what + number), from, begin,
                   {1, end - begin, shape().height, shape().width});
      };
      const bool longer = input_shape(i).channels > channels;
      const std::string term = longer ? piece("part", input(i), 0, channels) : input(i);
      if (common == channels) {
        sum = to_.on("add", named, sum, sides()).give("y", term).output;
        continue;
      }
      const std::string first = piece("common", sum, 0, common);
      const std::string rest = piece("rest", sum, common, channels);
      const std::string both =
          to_.on("add", own("both" + number), first, {1, common, shape().height, shape().width})
              .give("y", term)
              .output;
      sum = joined(named, {both, rest}, sides());
    }
    return sum;
  }

  std::string write(const graph::Product& product) {
    return activated(product.activation, combined("mul"));
  }

  std::string softmax(const std::string& named, const std::string& x, std::int64_t over,
                      const Sides& made) {
    const std::string axis = to_.integer(named + ".axis", over);
    return to_.on("softmax", named, x, made).give("axis", axis).output;
  }
  std::string write(const graph::Softmax&) { return softmax(name(), input(), 1, sides()); }

  std::string matmul(const std::string& named, const std::string& x, bool turn_x,
                     const std::string& y, bool turn_y, const Sides& made) {
    const std::string of_x = to_.flag(named + ".transpose_x", turn_x);
    const std::string of_y = to_.flag(named + ".transpose_y", turn_y);
    return to_.on("matmul", named, x, made)
        .give("y", y)
        .give("transpose_x", of_x)
        .give("transpose_y", of_y)
        .output;
  }

  // Heads, their channels, and pixels are the axes of its tensors.
  std::string write(const graph::Attention& attention) {
    const std::int64_t heads = attention.heads, keys = attention.key_channels;
    const std::int64_t pixels = std::int64_t{shape().height} * shape().width;
    const std::int64_t all = input_shape().channels / heads, values = all - 2 * keys;
    const std::string apart = reshaped(own("heads"), input(), {1, heads, all, pixels});
    const auto of = [&](std::int64_t count) { return Sides{1, heads, count, pixels}; };
    const std::string sizes = to_.integers(own("split_sizes"), {keys, keys, values});
    const std::string axis = to_.integer(own("split_axis"), 2);
    Operation parts = to_.on("split", own("parts"), apart, of(keys));
    parts.give("split_sizes", sizes).give("axis", axis);
    const std::string query = parts.output, key = to_.add_result(parts, own("keys"), of(keys)),
                      value = to_.add_result(parts, own("values"), of(values));
    const Sides square{1, heads, pixels, pixels};
    const std::string dots = matmul(own("dots"), query, true, key, false, square);
    const std::string factor = to_.number(own("factor"), to_.type(), attention.scale);
    const std::string scaled = to_.on("mul", own("scaled"), dots, square).give("y", factor).output;
    const std::string shares = softmax(own("shares"), scaled, -1, square);
    const std::string sums = matmul(own("sums"), value, false, shares, true, of(values));
    return reshaped(name(), sums, sides());
  }

  // inference_form() has no dropout, and heads are not written.
  std::string write(const auto&) { refuse_layer(network_, static_cast<int>(index_), "Core ML"); }

  // ---- activations -----------------------------------------------------------------------------

  std::string simple(const char* type, const std::string& named, const std::string& x) {
    return to_.on(type, named, x, sides()).output;
  }

  std::string activated(Activation activation, const std::string& x) {
    const std::string named = own("activation");
    switch (activation) {
      case Activation::kLinear:
        return x;
      case Activation::kRelu:
        return simple("relu", named, x);
      case Activation::kRelu6:
        return simple("relu6", named, x);
      case Activation::kLogistic:
        return simple("sigmoid", named, x);
      case Activation::kSwish:
        return simple("silu", named, x);
      case Activation::kTanh:
        return simple("tanh", named, x);
      case Activation::kLeaky:
        return with_alpha("leaky_relu", x, graph::kLeakySlope);
      case Activation::kElu:
        return with_alpha("elu", x, 1);
      case Activation::kHardSigmoid:
        return hard_sigmoid(named, x);
      case Activation::kHardSwish:
        return product(x, hard_sigmoid(own("gate"), x));
      case Activation::kMish:  // x · tanh(softplus(x))
        return product(x, simple("tanh", own("tanh"), simple("softplus", own("softplus"), x)));
    }
    return x;
  }

  std::string product(const std::string& x, const std::string& gate) {
    return to_.on("mul", own("activation"), x, sides()).give("y", gate).output;
  }

  std::string with_alpha(const char* type, const std::string& x, float value) {
    const std::string alpha = to_.number(own("alpha"), to_.type(), value);
    return to_.on(type, own("activation"), x, sides()).give("alpha", alpha).output;
  }

  std::string hard_sigmoid(const std::string& named, const std::string& x) {
    const std::string alpha = to_.number(own("alpha"), to_.type(), kSixth);
    const std::string beta = to_.number(own("beta"), to_.type(), .5F);
    return to_.on("sigmoid_hard", named, x, sides()).give("alpha", alpha).give("beta", beta).output;
  }

  const graph::Network& network_;
  ProgramBuilder to_;
  std::string input_;
  std::vector<std::string> values_;
  std::size_t index_ = 0;
};

}  // namespace

WrittenProgram write_program(const graph::Network& network, bool float32, bool boxes,
                             proto::Program& program) {
  return ProgramWriter(network, float32, program).run(boxes);
}

}  // namespace oko::formats::coreml

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "peer_files.h"

namespace oko::bench {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// A protobuf message builder: fields by number, as in onnx.proto.
class Message {
 public:
  Message& number(int field, std::int64_t value) {
    key(field, 0);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& real(int field, float value) {
    key(field, 5);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Message& text(int field, const std::string& value) {
    key(field, 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return text(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void key(int field, unsigned wire) { varint(static_cast<unsigned>(field) << 3 | wire); }
  void varint(std::uint64_t value) {
    for (; value >= 128; value >>= 7) bytes_ += static_cast<char>(value | 128);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

enum DataType { kFloat = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7 };
template <typename T>
constexpr DataType kTypeOf = std::is_same_v<T, float>          ? kFloat
                             : std::is_same_v<T, std::uint8_t> ? kUint8
                             : std::is_same_v<T, std::int8_t>  ? kInt8
                             : std::is_same_v<T, std::int64_t> ? kInt64
                                                               : kInt32;

Message ints(const std::string& name, const std::vector<int>& values) {
  Message attribute;
  attribute.text(1, name).number(20, 7);
  for (const int value : values) attribute.number(8, value);
  return attribute;
}
Message one_int(const std::string& name, int value) {
  return Message().text(1, name).number(20, 2).number(3, value);
}
Message one_real(const std::string& name, float value) {
  return Message().text(1, name).number(20, 1).real(2, value);
}
Message one_text(const std::string& name, const std::string& value) {
  return Message().text(1, name).number(20, 3).text(4, value);
}

Message value_info(const std::string& name, const graph::Shape& shape) {
  Message dimensions;
  for (const int side : {1, shape.channels, shape.height, shape.width}) {
    dimensions.message(1, Message().number(1, side));
  }
  const Message tensor = Message().number(1, kFloat).message(2, dimensions);
  return Message().text(1, name).message(2, Message().message(1, tensor));
}

// value = (byte − zero) · scale.
struct Quantizer {
  float scale;
  std::uint8_t zero;
  explicit Quantizer(const Range& range)
      : scale(std::max((range.high - range.low) / 255, 1e-12F)),
        zero(static_cast<std::uint8_t>(std::lround(-range.low / scale))) {}
};

class Writer {
 public:
  Writer(const Steps& steps, bool int8) : steps_(steps), int8_(int8) {}

  std::string run() {
    const std::string input = quantize("data", Quantizer(steps_.input_range));
    for (std::size_t i = 0; i < steps_.steps.size(); ++i) {
      std::vector<std::string> inputs;
      for (const int from : steps_.steps[i].inputs) {
        inputs.push_back(from == graph::kNetworkInput ? input : maps_[at(from)]);
      }
      maps_.push_back(write(i, inputs));
    }
    graph_.text(2, "network").message(11, value_info("data", steps_.input));
    for (std::size_t h = 0; h < steps_.heads.size(); ++h) {
      const std::string name = fmt::format("head{}", h);
      node("Identity", {maps_[at(steps_.heads[h])]}, name, {});
      graph_.message(12, value_info(name, steps_.steps[at(steps_.heads[h])].output));
    }
    const Message opset = Message().text(1, "").number(2, 13);
    return Message().number(1, 8).message(7, graph_).message(8, opset).bytes();
  }

 private:
  std::string node(const std::string& type, const std::vector<std::string>& inputs,
                   const std::string& output, const std::vector<Message>& attributes) {
    Message node;
    for (const std::string& input : inputs) node.text(1, input);
    node.text(2, output).text(3, output).text(4, type);
    for (const Message& attribute : attributes) node.message(5, attribute);
    graph_.message(1, node);
    return output;
  }

  template <typename T>
  std::string constant(const std::string& name, const std::vector<T>& values,
                       const std::vector<int>& shape) {
    Message tensor;
    for (const int side : shape) tensor.number(1, side);
    tensor.number(2, kTypeOf<T>).text(8, name);
    tensor.text(9, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
    graph_.message(5, tensor);
    return name;
  }

  // Quantizes and dequantizes; returns the tensor that the next operation reads.
  std::string quantize(const std::string& map, const Quantizer& q) {
    if (!int8_) return map;
    const std::string scale = constant<float>(map + ".scale", {q.scale}, {});
    const std::string zero = constant<std::uint8_t>(map + ".zero", {q.zero}, {});
    node("QuantizeLinear", {map, scale, zero}, map + ".bytes", {});
    return node("DequantizeLinear", {map + ".bytes", scale, zero}, map + ".back", {});
  }

  // An integer constant with per-filter scales.
  template <typename T>
  std::string integers(const std::string& name, const std::vector<float>& values,
                       const std::vector<float>& scales, const std::vector<int>& shape) {
    const std::size_t each = values.size() / scales.size();
    std::vector<T> rounded;
    for (std::size_t k = 0; k < values.size(); ++k) {
      rounded.push_back(static_cast<T>(std::lround(values[k] / scales[k / each])));
    }
    const int count = static_cast<int>(scales.size());
    return node(
        "DequantizeLinear",
        {constant(name + ".integers", rounded, shape), constant(name + ".scales", scales, {count}),
         constant(name + ".zeros", std::vector<T>(scales.size()), {count})},
        name, {one_int("axis", 0)});
  }

  std::string write(std::size_t i, const std::vector<std::string>& inputs) {
    const Step& s = steps_.steps[i];
    const std::string name = fmt::format("map{}", i);
    if (s.kind == Step::Kind::kConvolution) return convolution(s, name, inputs[0]);
    switch (s.kind) {
      case Step::Kind::kMaxPool:
        node("MaxPool", inputs, name, window(s.pool.size, s.pool.stride, s.pool.padding));
        break;
      case Step::Kind::kUpsample:
        resize(s, name, inputs[0],
               {one_text("mode", "nearest"), one_text("nearest_mode", "floor"),
                one_text("coordinate_transformation_mode", "asymmetric")});
        break;
      case Step::Kind::kBilinear:
        resize(
            s, name, inputs[0],
            {one_text("mode", "linear"), one_text("coordinate_transformation_mode", "half_pixel")});
        break;
      case Step::Kind::kConcat:
        node("Concat", inputs, name, {one_int("axis", 1)});
        break;
      case Step::Kind::kSlice: {
        const auto number = [&](const char* what, std::int64_t value) {
          return constant<std::int64_t>(name + what, {value}, {1});
        };
        const std::int64_t first = s.output.channels * s.group;
        node("Slice",
             {inputs[0], number(".first", first), number(".end", first + s.output.channels),
              number(".axis", 1)},
             name, {});
        break;
      }
      case Step::Kind::kShuffle:
        shuffle(s, name, inputs[0]);
        break;
      case Step::Kind::kAdd:
        node("Add", inputs, name, {});
        break;
      case Step::Kind::kConvolution:
        break;  // above
    }
    return quantize(name, Quantizer(s.range));
  }

  void resize(const Step& s, const std::string& name, const std::string& input,
              const std::vector<Message>& attributes) {
    const float scale = static_cast<float>(s.scale);
    const std::string scales = constant<float>(name + ".scales", {1, 1, scale, scale}, {4});
    node("Resize", {input, "", scales}, name, attributes);
  }

  // As PyTorch exports it.
  void shuffle(const Step& s, const std::string& name, const std::string& input) {
    const int each = s.input.channels / s.groups;
    const auto shape = [&](const char* what, const std::vector<std::int64_t>& sides) {
      return constant(name + what, sides, {static_cast<int>(sides.size())});
    };
    const std::string parts = shape(".parts", {1, s.groups, each, s.input.height, s.input.width});
    const std::string whole = shape(".whole", {1, s.input.channels, s.input.height, s.input.width});
    node("Reshape", {input, parts}, name + ".split", {});
    node("Transpose", {name + ".split"}, name + ".mixed", {ints("perm", {0, 2, 1, 3, 4})});
    node("Reshape", {name + ".mixed", whole}, name, {});
  }

  static std::vector<Message> window(int size, int stride, const graph::Padding& p) {
    return {ints("kernel_shape", {size, size}), ints("strides", {stride, stride}),
            ints("pads", {p.top, p.left, p.bottom, p.right})};
  }

  std::string convolution(const Step& s, const std::string& name, const std::string& input) {
    const graph::Convolution& c = s.convolution;
    const std::vector<int> shape = {c.filters, s.input.channels / c.groups, c.size, c.size};
    std::vector<Message> attributes = window(c.size, c.stride, c.padding);
    attributes.push_back(one_int("group", c.groups));
    const auto [kernel, bias] = int8_ ? quantized_weights(s, name, shape)
                                      : std::pair(constant(name + ".kernel", s.kernel, shape),
                                                  constant(name + ".bias", s.bias, {c.filters}));
    const bool leaky = c.activation == graph::Activation::kLeaky;
    const std::string linear = leaky ? name + ".linear" : name;
    node("Conv", {input, kernel, bias}, linear, attributes);
    if (leaky) {
      node("LeakyRelu", {quantize(linear, Quantizer(s.linear_range))}, name,
           {one_real("alpha", graph::kLeakySlope)});
    }
    return quantize(name, Quantizer(s.range));
  }

  std::pair<std::string, std::string> quantized_weights(const Step& s, const std::string& name,
                                                        const std::vector<int>& shape) {
    const int from = s.inputs[0];
    const Range range =
        from == graph::kNetworkInput ? steps_.input_range : steps_.steps[at(from)].range;
    const float input_scale = Quantizer(range).scale;
    std::vector<float> kernel_scales, bias_scales;
    for (const float scale : filter_scales(s, 127)) {
      kernel_scales.push_back(1 / scale);
      bias_scales.push_back(input_scale / scale);
    }
    return {integers<std::int8_t>(name + ".kernel", s.kernel, kernel_scales, shape),
            integers<std::int32_t>(name + ".bias", s.bias, bias_scales, {shape[0]})};
  }

  const Steps& steps_;
  bool int8_;
  Message graph_;
  std::vector<std::string> maps_;  // output tensor of each step
};

}  // namespace

std::string write_onnx(const Steps& steps, const std::string& precision) {
  return Writer(steps, precision == "int8").run();
}

}  // namespace oko::bench

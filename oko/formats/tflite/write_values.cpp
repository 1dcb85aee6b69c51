#include <array>

#include "oko/formats/tflite/names.h"
#include "oko/formats/tflite/writer.h"

// Layers that compute with the values of several tensors, and activations.
namespace oko::formats::tflite {

using graph::Activation;
using graph::Layer;
using graph::Shape;
using oko::tflite::Code;
using oko::tflite::TensorType;
using Fused = oko::tflite::Activation;

namespace {

// Int8 outputs of logistic and softmax, and of tanh, which the format fixes.
constexpr MapScale kUnitScale{1.F / 256, -128}, kSignedUnitScale{1.F / 128, 0};

}  // namespace

std::optional<Fused> fused(Activation activation) {
  switch (activation) {
    case Activation::kLinear:
      return Fused::NONE;
    case Activation::kRelu:
      return Fused::RELU;
    case Activation::kRelu6:
      return Fused::RELU6;
    default:
      return std::nullopt;
  }
}

// A tensor's values as floats: it itself, or what an operator makes of int8.
int Writer::floats_of(const std::string& name, int tensor) {
  if (!emitter_.scale(tensor)) return tensor;
  const int floats = emitter_.tensor(name, emitter_.sides(tensor), std::nullopt);
  emitter_.add(Code::DEQUANTIZE, {tensor}, {floats}, oko::tflite::DequantizeOptionsT{}, 2);
  return floats;
}

// Floats, or int8 of another scale, to the scale of `to`.
void Writer::round(int from, int to) {
  emitter_.add(Code::QUANTIZE, {from}, {to}, oko::tflite::QuantizeOptionsT{});
}

// A positive number that is the same for all values of a tensor.
int Writer::number(const std::string& name, float value) {
  if (!bytes()) return emitter_.constant(name, {1}, std::array{value});
  const std::array<std::int8_t, 1> most{127};
  return emitter_.constant(name, {1}, TensorType::INT8, std::as_bytes(std::span(most)),
                           {value / 127});
}

// An input of a sum, with the channels of the first one: fewer, or zeros for those it lacks.
int Writer::fitted(const Layer& layer, std::size_t input) {
  const int from = read(layer.inputs[input]);
  const Shape &in = shape(layer.inputs[input]), &out = layer.output;
  if (in.channels == out.channels) return from;
  const std::string name = layer.name + ".part" + std::to_string(input);
  const int to = emitter_.map(name, out, emitter_.scale(from));
  if (in.channels > out.channels) {
    slice(name, from, 0, to);
    return to;
  }
  const std::array<int, 8> sides{0, 0, 0, 0, 0, 0, 0, out.channels - in.channels};
  const int amounts = emitter_.constant(name + ".padding", {4, 2}, sides);
  emitter_.add(Code::PAD, {from, amounts}, {to}, oko::tflite::PadOptionsT{}, version(2));
  return to;
}

void Writer::write(int index, const Layer& layer, const graph::Shortcut& shortcut) {
  const bool alone = fused(shortcut.activation).has_value();
  const int to = alone ? own_map(index) : map_before_activation(index);
  int from = fitted(layer, 0);
  for (std::size_t i = 1; i < layer.inputs.size(); ++i) {
    const bool last = i + 1 == layer.inputs.size();
    oko::tflite::AddOptionsT options;
    if (last) options.activation = fused(shortcut.activation).value_or(Fused::NONE);
    const int sum = last ? to
                         : emitter_.map(layer.name + ".sum" + std::to_string(i), layer.output,
                                        emitter_.scale(to));
    emitter_.add(Code::ADD, {from, fitted(layer, i)}, {sum}, std::move(options), version(2));
    from = sum;
  }
  if (!alone) activate(layer.name, to, own_map(index), shortcut.activation);
}

// The product of more than two is computed in floats, as nobody has measured the ranges between.
void Writer::write(int index, const Layer& layer, const graph::Product& product) {
  const bool alone = fused(product.activation).has_value();
  const int to = alone ? own_map(index) : map_before_activation(index);
  const std::size_t count = layer.inputs.size();
  const bool in_floats = bytes() && count > 2;
  const auto factor = [&](std::size_t i) {
    const int tensor = read(layer.inputs[i]);
    if (!in_floats) return tensor;
    return floats_of(layer.name + ".factor" + std::to_string(i), tensor);
  };
  int from = factor(0);
  for (std::size_t i = 1; i < count; ++i) {
    const bool last = i + 1 == count;
    oko::tflite::MulOptionsT options;
    if (last) options.activation = fused(product.activation).value_or(Fused::NONE);
    const std::string name = layer.name + (last ? kFloats : ".product" + std::to_string(i));
    const int result = last && !in_floats ? to : emitter_.map(name, layer.output, std::nullopt);
    emitter_.add(Code::MUL, {from, factor(i)}, {result}, std::move(options),
                 in_floats ? 1 : version(2));
    from = result;
  }
  if (in_floats) round(from, to);
  if (!alone) activate(layer.name, to, own_map(index), product.activation);
}

// In floats also between int8 tensors, as nobody has measured the ranges of its products.
void Writer::write(int index, const Layer& layer, const graph::Attention& attention) {
  const Shape &in = shape(layer.inputs.front()), &out = layer.output;
  const int pixels = in.height * in.width, heads = attention.heads;
  const int keys = attention.key_channels, values = out.channels / heads;
  const auto part = [&](const char* what) { return layer.name + "." + what; };
  const auto rows = [&](const char* what, int channels) {
    return emitter_.tensor(part(what), {1, heads, pixels, channels}, std::nullopt);
  };
  const int from = floats_of(part("in"), read(layer.inputs.front()));
  const int by_head =
      transpose(part("by_head"),
                reshape(part("heads"), from, {1, pixels, heads, 2 * keys + values}), {0, 2, 1, 3});
  const int query = rows("queries", keys), key = rows("keys", keys), value = rows("values", values);
  oko::tflite::SplitVOptionsT split;
  split.num_splits = 3;
  const int axis = emitter_.constant(part("axis"), {}, std::array{3});
  const int sizes = emitter_.constant(part("sizes"), {3}, std::array{keys, keys, values});
  emitter_.add(Code::SPLIT_V, {by_head, sizes, axis}, {query, key, value}, std::move(split));
  const int dots = rows("dots", pixels), shares = rows("shares", pixels);
  oko::tflite::BatchMatMulOptionsT by_keys;
  by_keys.adjoint_y = true;
  emitter_.add(Code::BATCH_MATMUL, {query, key}, {dots}, std::move(by_keys));
  // A softmax has a factor of its own, which must be positive.
  const int scaled = attention.scale > 0 ? dots : rows("scaled", pixels);
  if (scaled != dots) {
    const int scale = emitter_.constant(part("scale"), {1}, std::array{attention.scale});
    emitter_.add(Code::MUL, {dots, scale}, {scaled}, oko::tflite::MulOptionsT{});
  }
  oko::tflite::SoftmaxOptionsT softmax;
  softmax.beta = attention.scale > 0 ? attention.scale : 1;
  emitter_.add(Code::SOFTMAX, {scaled}, {shares}, std::move(softmax));
  const int sums = rows("sums", values);
  emitter_.add(Code::BATCH_MATMUL, {shares, value}, {sums}, oko::tflite::BatchMatMulOptionsT{});
  const int by_pixel = transpose(part("by_pixel"), sums, {0, 2, 1, 3});
  if (!bytes()) return reshape(by_pixel, own_map(index));
  const int result = emitter_.map(layer.name + kFloats, out, std::nullopt);
  reshape(by_pixel, result);
  round(result, own_map(index));
}

// An operator whose int8 output has a scale that the format fixes.
void Writer::limited(Code code, const std::string& name, int from, int to, const MapScale& scale) {
  const bool fits = !bytes() || *emitter_.scale(to) == scale;
  const int result = fits ? to : emitter_.map(name + kUnit, emitter_.shape(to), scale);
  if (code == Code::SOFTMAX) {
    oko::tflite::SoftmaxOptionsT options;
    options.beta = 1;
    emitter_.add(code, {from}, {result}, std::move(options), version(2));
  } else {
    emitter_.add(code, {from}, {result}, version(2));
  }
  if (!fits) round(result, to);
}

void Writer::write(int index, const Layer& layer, const graph::Softmax&) {
  const int from = read(layer.inputs.front());
  limited(Code::SOFTMAX, layer.name, from, own_map(index), kUnitScale);
}

void Writer::activate(const std::string& name, int from, int to, Activation activation) {
  switch (activation) {
    case Activation::kLinear:
    case Activation::kRelu:
    case Activation::kRelu6:
      return;  // fused
    case Activation::kLeaky: {
      oko::tflite::LeakyReluOptionsT options;
      options.alpha = graph::kLeakySlope;
      return emitter_.add(Code::LEAKY_RELU, {from}, {to}, std::move(options), version(2));
    }
    case Activation::kLogistic:
      return limited(Code::LOGISTIC, name, from, to, kUnitScale);
    case Activation::kTanh:
      return limited(Code::TANH, name, from, to, kSignedUnitScale);
    case Activation::kElu:
      return emitter_.add(Code::ELU, {from}, {to});
    case Activation::kHardSwish:
      return emitter_.add(Code::HARD_SWISH, {from}, {to}, oko::tflite::HardSwishOptionsT{});
    case Activation::kHardSigmoid:
      return activate_hard_sigmoid(name, from, to);
    case Activation::kSwish: {
      const int gate = emitter_.map(name + ".gate", emitter_.shape(to),
                                    bytes() ? std::optional(kUnitScale) : std::nullopt);
      emitter_.add(Code::LOGISTIC, {from}, {gate}, version(2));
      return emitter_.add(Code::MUL, {from, gate}, {to}, oko::tflite::MulOptionsT{}, version(2));
    }
    case Activation::kMish:
      break;
  }
  if (!bytes()) return activate_mish(name, from, to);
  // There is no int8 division: mish is computed in floats.
  const int out = emitter_.map(name + kFloats, emitter_.shape(to), std::nullopt);
  activate_mish(name, floats_of(name + ".before", from), out);
  round(out, to);
}

// clamp(x + 3, 0, 6) / 6: there is no operator for it.
void Writer::activate_hard_sigmoid(const std::string& name, int from, int to) {
  constexpr MapScale kSixScale{6.F / 255, -128};
  const int raised = emitter_.map(name + ".raised", emitter_.shape(to),
                                  bytes() ? std::optional(kSixScale) : std::nullopt);
  oko::tflite::AddOptionsT options;
  options.activation = Fused::RELU6;
  emitter_.add(Code::ADD, {from, number(name + ".three", 3)}, {raised}, std::move(options),
               version(2));
  emitter_.add(Code::MUL, {raised, number(name + ".sixth", 1.F / 6)}, {to},
               oko::tflite::MulOptionsT{}, version(2));
}

// x · tanh(ln(1 + e^x)) = x · (1 − q²) / (1 + q²) with q = 1 / (1 + e^x) = σ(−x), which never
// overflows and needs no operator that phones lack.
void Writer::activate_mish(const std::string& name, int from, int to) {
  const auto step = [&](const char* what) {
    return emitter_.map(name + "." + what, emitter_.shape(to), std::nullopt);
  };
  const int one = emitter_.constant(name + ".one", {1}, std::array{1.F});
  const int minus = step("minus"), q = step("q"), square = step("square");
  const int less = step("less"), more = step("more"), ratio = step("ratio");
  emitter_.add(Code::NEG, {from}, {minus}, oko::tflite::NegOptionsT{});
  emitter_.add(Code::LOGISTIC, {minus}, {q});
  emitter_.add(Code::MUL, {q, q}, {square}, oko::tflite::MulOptionsT{});
  emitter_.add(Code::SUB, {one, square}, {less}, oko::tflite::SubOptionsT{});
  emitter_.add(Code::ADD, {square, one}, {more}, oko::tflite::AddOptionsT{});
  emitter_.add(Code::DIV, {less, more}, {ratio}, oko::tflite::DivOptionsT{});
  emitter_.add(Code::MUL, {from, ratio}, {to}, oko::tflite::MulOptionsT{});
}

}  // namespace oko::formats::tflite

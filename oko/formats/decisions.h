#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <variant>

#include "oko/graph/network.h"

// What oko makes of other formats' operations, decided once for all readers. The functions depend
// only on an operation's settings; NetworkBuilder, which takes their results, does the rest.
namespace oko::formats {

// Why oko has nothing for an operation: the predicate of a sentence about the node, and a hint.
struct Refusal {
  std::string message, hint;
};
template <typename T>
using Decision = std::variant<T, Refusal>;

namespace decide {

// max(x, slope · x), at most `most`.
Decision<graph::Activation> leaky_relu(float slope, float most = INFINITY);
// clamp(slope · x + offset, 0, 1).
Decision<graph::Activation> hard_sigmoid(float slope, float offset);
// alpha · (exp(x) − 1) below 0.
Decision<graph::Activation> elu(float alpha);
// x clamped to low…high.
Decision<graph::Activation> clip(float low, float high);
// Upsampling by the factors `rows` and `columns`; `mode` is how it finds values between pixels,
// "nearest", "bilinear" with its grid, or another name for the message.
// Half the size, bilinear on half pixels, is an average of four.
using Upsampling = std::variant<graph::Upsample, graph::Bilinear, graph::AveragePool>;
Decision<Upsampling> upsample(const std::string& mode, double rows, double columns,
                              std::optional<graph::Grid> grid = {});

}  // namespace decide

// Where the odd pixel of "same" padding goes: to the bottom and right (TensorFlow's "SAME", ONNX'
// "SAME_UPPER"), or to the top and left ("SAME_LOWER").
enum class OddPixel { kEnd, kStart };

// The padding with which a window of `size` at `stride` makes ceil(side / stride) outputs.
graph::Padding same_padding(const graph::Shape& input, int size, int stride,
                            OddPixel odd = OddPixel::kEnd);

}  // namespace oko::formats

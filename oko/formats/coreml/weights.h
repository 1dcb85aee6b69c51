#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "oko/formats/coreml/wire.h"

namespace oko::formats::coreml {

// A neural network's weights as floats, however they are stored: float32, float16, or 1 to 8 bits
// with linear or table quantization. `rows` are the output channels. Throws an input Error, naming
// `what`, if there are not `count` of them.
std::vector<float> read_weights(const Message& weights, std::int64_t count, std::int64_t rows,
                                const std::string& what);

// The values of a blob in weights/weight.bin whose metadata is at `offset`: float32, float16, or
// bytes with or without a sign.
std::vector<float> read_blob(const Bytes& file, std::uint64_t offset, std::int64_t count,
                             const std::string& what);

}  // namespace oko::formats::coreml

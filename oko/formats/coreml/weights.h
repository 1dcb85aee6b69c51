#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "oko/formats/coreml/wire.h"

namespace oko::formats::coreml {

// The numbers of a neural network's weights as floats, whichever way they are stored: 32 or 16 bits
// each, or 1 to 8 bits with a line or a table. `rows` are the output channels. Throws an input
// Error where there are not `count` of them; `what` names them in it.
std::vector<float> read_weights(const Message& weights, std::int64_t count, std::int64_t rows,
                                const std::string& what);

// The numbers of a blob of weights/weight.bin whose metadata lies at `offset`, float32 or float16.
std::vector<float> read_blob(const Bytes& file, std::uint64_t offset, std::int64_t count,
                             const std::string& what);

}  // namespace oko::formats::coreml

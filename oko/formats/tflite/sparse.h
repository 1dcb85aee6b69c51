#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "oko/formats/tflite/tflite_generated.h"

namespace oko::formats::tflite {

// All values of a tensor of this shape, whose file has only those that are not 0: `stored`, of
// `size` bytes each. Nothing if they do not fit what the file says of their places, or if there are
// more than `most` bytes.
std::optional<std::vector<std::byte>> dense_values(const oko::tflite::Sparsity& sparsity,
                                                   const std::vector<int>& shape, std::size_t size,
                                                   std::span<const std::byte> stored,
                                                   std::size_t most);

}  // namespace oko::formats::tflite

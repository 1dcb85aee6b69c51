#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "oko/formats/coreml/arithmetic.h"
#include "oko/graph/network.h"

namespace oko::formats::coreml {

// The outputs of a network with decoding: the confidence of each class in each box, and the boxes'
// centre x, centre y, width and height as parts of the input.
inline constexpr const char* kRawConfidence = "raw_confidence";
inline constexpr const char* kRawCoordinates = "raw_coordinates";

// Writes the decoding of all heads, whose raw values are the tensors `maps`, in the order of
// network.outputs(). Returns the number of boxes. They are in the order head, anchor, row, column.
std::int64_t write_decoding(const graph::Network& network, const std::vector<std::string>& maps,
                            Arithmetic& to);

}  // namespace oko::formats::coreml

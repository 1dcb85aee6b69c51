#pragma once

#include <cstddef>
#include <vector>

#include "oko/formats/coreml/coreml.pb.h"
#include "oko/graph/network.h"

namespace oko::formats::coreml {

// Writes a network in inference form as an ML Program of the operations of iOS 15, with weights and
// arithmetic in float32 or float16. Returns its weights/weight.bin.
std::vector<std::byte> write_program(const graph::Network& network, bool float32,
                                     oko::coreml::Program& program);

}  // namespace oko::formats::coreml

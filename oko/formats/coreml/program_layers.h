#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "oko/formats/coreml/coreml.pb.h"
#include "oko/graph/network.h"

namespace oko::formats::coreml {

struct WrittenProgram {
  std::vector<std::byte> weights;  // its weights/weight.bin
  std::int64_t boxes = 0;          // of each image, if it decodes them
};

// Writes a network in inference form as an ML Program of the operations of iOS 15, with weights and
// arithmetic in float32 or float16. Its outputs are the raw heads, or with `boxes` what
// write_decoding() makes of them, in float32.
WrittenProgram write_program(const graph::Network& network, bool float32, bool boxes,
                             oko::coreml::Program& program);

}  // namespace oko::formats::coreml

#pragma once

#include <cstdint>

#include "oko/formats/coreml/coreml.pb.h"
#include "oko/formats/coreml/describe.h"
#include "oko/formats/format.h"
#include "oko/graph/network.h"

namespace oko::formats::coreml {

// What the network in a pipeline outputs, as write_decoding() names it.
struct RawBoxes {
  std::int64_t count = 0;
  int row = 0;  // confidences of each: of all classes, and zeros that fill the row
  ArrayKind kind = ArrayKind::kDouble;
};

// Throws a usage Error for thresholds outside 0…1, a network without heads, or one without a name
// for each class.
void check_pipeline(const graph::Network& network, const WriteOptions& options);

// Makes a Vision object detector of `model`, a pipeline whose only model so far is the network with
// its decoding: describes that model's input and outputs, adds the suppression, and describes the
// pipeline's own inputs and outputs, after the image.
void finish_pipeline(const graph::Network& network, const WriteOptions& options,
                     const RawBoxes& boxes, proto::Model& model);

}  // namespace oko::formats::coreml

#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "oko/convert/compare.h"
#include "oko/convert/executor.h"
#include "oko/detect/detection.h"
#include "oko/graph/network.h"

namespace oko::convert {

struct ParityOptions {
  // How far numbers may be apart, as a share of the largest of their map (of 1 where all are
  // smaller).
  float tolerance = 1e-3F;
  detect::Thresholds thresholds;
  // Judge by the boxes alone: of arithmetic in bytes, far from every threshold, single numbers of a
  // map say nothing. Seven boxes of ten have to be the same.
  bool by_boxes = false;
};

struct OutputParity {
  std::string name;      // as formats::output_names() has it
  float difference = 0;  // largest over all pictures; infinity where one side is not finite
  float magnitude = 0;   // largest number of the first program's map
  bool agrees = true;
};

// How two programs agree on the same pictures.
struct Parity {
  std::string first, second;  // the programs
  std::size_t pictures = 0;
  std::vector<OutputParity> outputs;
  BoxAgreement boxes;  // over all pictures; empty for a network without heads
  // Where outputs differ and both programs tell their maps: the first layer that is apart.
  std::string first_layer;
  float first_layer_difference = 0;

  bool by_boxes = false;  // ParityOptions'
  bool agrees() const;    // of all outputs, or of the boxes
};

// Runs both on every input (planar, 0…1). The network says what the outputs mean and in which order
// its layers stand. Outputs are paired in order; where the second program has them in another
// order and all are of different size, by size. Throws an input Error where they cannot be paired.
Parity compare(const graph::Network& network, Executor& first, Executor& second,
               std::span<const std::vector<float>> inputs, const ParityOptions& options = {});

// The boxes of the first program's heads, decoded and suppressed as oko does, beside those that a
// model gives by itself, in pixels of the network's input.
using BoxRunner = std::function<std::vector<detect::Detection>(std::span<const float> input)>;
BoxAgreement compare_with_boxes(const graph::Network& network, Executor& first,
                                const BoxRunner& second, std::span<const std::vector<float>> inputs,
                                const detect::Thresholds& thresholds);

}  // namespace oko::convert

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
  // Allowed difference, as a fraction of the largest value of the output (of 1 if all are smaller).
  float tolerance = 1e-3F;
  detect::Thresholds thresholds;
  // Compare only the boxes: with int8 arithmetic, single values far from every threshold mean
  // nothing (boxes_agree()).
  bool by_boxes = false;
};

struct OutputParity {
  std::string name;      // as in formats::output_names()
  float difference = 0;  // largest over all images; infinity if one side is not finite
  float magnitude = 0;   // largest value of the first program's output
  bool agrees = true;
};

// How well two programs agree on the same images.
struct Parity {
  std::string first, second;  // the programs
  std::size_t pictures = 0;
  std::vector<OutputParity> outputs;
  BoxAgreement boxes;  // over all images; empty for a network without heads
  // If outputs differ and both programs expose layer outputs: the first layer that differs.
  std::string first_layer;
  float first_layer_difference = 0;

  bool by_boxes = false;  // from ParityOptions
  bool agrees() const;    // of all outputs, or of the boxes
};

// Runs both on every input (planar); the second on those of `second_inputs`, the same images as its
// own preprocessing makes them, if there are any. The network defines the meaning of the outputs
// and the order of the layers. Outputs are paired in order, or by size if the second program's
// order differs and all sizes are different. Throws an input Error if they cannot be paired.
Parity compare(const graph::Network& network, Executor& first, Executor& second,
               std::span<const std::vector<float>> inputs, const ParityOptions& options = {},
               std::span<const std::vector<float>> second_inputs = {});

// A program that runs a model which outputs boxes itself.
struct BoxProgram {
  // From an image's input to boxes in pixels of the network's input. Empty: there is no program.
  std::function<std::vector<detect::Detection>(std::span<const float> input)> run;
  std::string name;
  // How the model's boxes are not as oko's: each is listed under its best class alone, and they are
  // clipped to the input, both before suppression.
  bool best_class_only = false, clips = false;
};

// Compares the boxes from the first program's heads, decoded and suppressed as the second's are,
// with these: by IoU also where the network says DIoU.
BoxAgreement compare_with_boxes(const graph::Network& network, Executor& first,
                                const BoxProgram& second,
                                std::span<const std::vector<float>> inputs,
                                const detect::Thresholds& thresholds);

}  // namespace oko::convert

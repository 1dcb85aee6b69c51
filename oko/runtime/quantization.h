#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::runtime {

// The range of a tensor's values, measured on images (calibrate.h).
struct Range {
  float low = 0, high = 0;
  bool operator==(const Range&) const = default;
};

struct LayerRange {
  Range output;
  // For a 3x3 convolution of stride 1: the largest magnitudes of its input at the 16 points of its
  // Winograd transform F(2, 3). Empty for others.
  std::vector<float> points;
};

// What int8 execution needs in addition to the weights: stored in the .oko file's metadata as
// "quantization" (docs/oko-file.md).
struct Quantization {
  std::string method;  // how ranges were chosen: "min-max", "percentile", "kl"
  int pictures = 0;
  std::map<std::string, LayerRange> layers;  // by name; those that output a tensor
};

// Throws an input Error for metadata that is not of this form.
std::optional<Quantization> quantization_of(const graph::Network& network);
void set_quantization(graph::Network& network, const Quantization& quantization);

// Quantization: value = (q - zero) · scale.
struct Scale {
  float scale = 1;
  int zero = 0;
};
// 0 to 255 over the range, widened to represent 0 exactly.
Scale scale_of(const Range& range);

}  // namespace oko::runtime

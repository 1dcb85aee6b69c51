#pragma once

#include <string>

#include "oko/convert/compare.h"
#include "oko/convert/runner.h"
#include "oko/graph/precision.h"

// How far apart two runs of one network may be, by what is rounded in only one of them.
namespace oko::convert {

// The largest difference of values, as a share of the largest value. Float32: the order of sums.
// Float16: 11 bits, of weights or (`arithmetic`) of what some hundred layers pass to each other
// too, with which single values of NanoDet-Plus are off by up to 2.2 %. Bytes: a network's outliers
// take most of their range.
float value_tolerance(graph::Precision precision, bool arithmetic = false);

// Whether two lists of boxes above `threshold` agree. In float32 each box has its like, unless its
// score is at the threshold; in float16 scores and corners move and one of 20 boxes may be lost to
// suppression or the threshold; in bytes three of ten.
bool boxes_agree(const BoxAgreement& boxes, graph::Precision precision, float threshold);

// What the kernels of a network's convolutions are rounded to, by their values.
graph::Precision weight_precision(const graph::Network& network);

struct Tolerance {
  graph::Precision precision = graph::Precision::kFloat32;
  bool arithmetic = false;  // values between layers are rounded too, not only weights
  std::string why;          // "Arm NN 22 computes in int8"; empty for float32
};

// For comparing these: by the coarser of their arithmetic, and of their weights where those differ.
Tolerance tolerance_between(const Runner& first, const Runner& second);

}  // namespace oko::convert

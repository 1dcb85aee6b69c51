#pragma once

#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::bench {

// Range of a tensor, including 0.
struct Range {
  float low = 0, high = 0;
  void add(const Range& other);
  float largest() const;  // absolute value
};

// An operation that the engines support. Batch norm is folded into the convolution, and no-ops
// (dropout, a route from one layer) are removed.
struct Step {
  enum class Kind {
    kConvolution,
    kMaxPool,
    kUpsample,
    kBilinear,  // half-pixel centres
    kConcat,
    kSlice,
    kShuffle,
    kAdd
  };
  Kind kind;
  std::string name;
  std::vector<int> inputs;  // earlier steps or graph::kNetworkInput
  graph::Shape input, output;
  graph::Convolution convolution{};  // linear or leaky
  std::vector<float> kernel{}, bias{};
  graph::MaxPool pool{};
  int scale = 1;              // for upsample and bilinear
  int groups = 1, group = 0;  // for slice (one of equal parts of the channels) and shuffle

  // Ranges seen by calibrate(): of the output, and of a convolution before its activation. Steps
  // connected by operations that only move values (all but convolution and add) share one range.
  Range range{}, linear_range{};
};

// The network that the engines compute.
struct Steps {
  graph::Shape input;
  Range input_range{0, 1};
  std::vector<Step> steps;
  std::vector<int> heads;                       // steps whose results are the network's outputs
  std::vector<std::vector<int>> users() const;  // steps that read each step
};

// Throws an input Error for any other layer.
Steps steps_of(const graph::Network& network);

// The reference implementation that all engines are compared with: runs the steps on a planar
// input. Returns the heads' inputs, planar, and fills the ranges.
std::vector<std::vector<float>> calibrate(Steps& steps, const std::vector<float>& input);

// The ranges as JSON and back, for contenders that quantize on their own.
std::string write_ranges(const Steps& steps);
void read_ranges(const std::string& text, Steps& steps);

// Per-filter scales: the largest weight becomes `largest`.
std::vector<float> filter_scales(const Step& step, float largest);

}  // namespace oko::bench

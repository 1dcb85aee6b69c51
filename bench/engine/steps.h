#pragma once

#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::bench {

// Lowest and highest value of a map, 0 included.
struct Range {
  float low = 0, high = 0;
  void add(const Range& other);
  float largest() const;  // absolute value
};

// One thing that every engine has an operation for. Batch norm is folded into the convolution, what
// changes nothing (dropout, a route from one layer) is gone.
struct Step {
  enum class Kind { kConvolution, kMaxPool, kUpsample, kConcat, kAdd };
  Kind kind;
  std::string name;
  std::vector<int> inputs;  // earlier steps or graph::kNetworkInput
  graph::Shape input, output;
  graph::Convolution convolution{};  // linear or leaky
  std::vector<float> kernel{}, bias{};
  graph::MaxPool pool{};
  int scale = 1;  // of an upsample

  // What calibrate() saw: in the map, and in a convolution's before its activation. Steps joined by
  // operations that only move numbers (pool, upsample, concat) have one range.
  Range range{}, linear_range{};
};

// What the engines are asked to compute.
struct Steps {
  graph::Shape input;
  std::vector<Step> steps;
  std::vector<int> heads;                       // steps whose maps are the network's outputs
  std::vector<std::vector<int>> users() const;  // steps that read each step
};

// Throws an input Error for a layer that is none of these.
Steps steps_of(const graph::Network& network);

// Runs the steps on a planar input by plain loops: what all engines are compared with. Gives the
// heads' maps, planar, and fills the ranges.
std::vector<std::vector<float>> calibrate(Steps& steps, const std::vector<float>& input);

// The ranges as JSON and back, for contenders that quantize on their own.
std::string write_ranges(const Steps& steps);
void read_ranges(const std::string& text, Steps& steps);

// One scale a filter: its largest weight becomes `largest`.
std::vector<float> filter_scales(const Step& step, float largest);

}  // namespace oko::bench

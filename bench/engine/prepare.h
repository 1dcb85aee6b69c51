#pragma once

#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::bench {

// A network and the heads it should give.
struct Prepared {
  graph::Network network;
  std::vector<float> expected;  // all heads, planar, one after another
};

// Reads an .oko file, or a .cfg with its .weights beside it, or makes "yolov3-tiny" with synthetic
// weights; runs it by plain loops on `input` (a picture, or .f32: planar floats; empty: noise) and
// writes it into `folder` in the formats of all engines, as contender.h lists them.
Prepared prepare(const std::string& model, const std::string& input, const std::string& folder);

}  // namespace oko::bench

#pragma once

#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::bench {

// A network and its expected heads.
struct Prepared {
  graph::Network network;
  std::vector<float> expected;  // all heads, planar, one after another
};

// Reads an .oko file, or a .cfg with its .weights beside it, or creates "yolov3-tiny" with
// synthetic weights; runs the reference implementation on `input` (an image, or .f32: planar
// floats; empty: noise) and writes the network to `folder` in the formats of all engines, as listed
// in contender.h.
Prepared prepare(const std::string& model, const std::string& input, const std::string& folder);

}  // namespace oko::bench

#pragma once

#include <string>
#include <vector>

#include "oko/formats/format.h"
#include "oko/graph/network.h"

namespace oko::formats {

// Swift source that builds the network as an MPSNNGraph, node by node, and the weights that it
// reads: "<Name>Graph.swift" and "<stem>.mpsweights", where Name is the stem as a Swift type
// ("yolov3-tiny" gives "Yolov3Tiny"). The graph takes an image of the network's input size and
// returns the raw outputs of network.outputs(). What surrounds it (texture, letterbox, decoding,
// suppression) is in the wrapper, swift/mps.swift.in. Needs iOS 13 or
// macOS 10.15. docs/formats/mps.md has the layout of the weights and what each layer becomes.
//
// Throws an input Error for a network without weights or with more than 4 GB of them.
std::vector<File> write_mps(const graph::Network& network, const WriteOptions& options,
                            const std::string& stem);

}  // namespace oko::formats

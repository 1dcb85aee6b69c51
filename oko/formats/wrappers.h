#pragma once

#include <string>
#include <vector>

#include "oko/formats/format.h"
#include "oko/graph/network.h"

namespace oko::formats {

// The code that an app would otherwise write around the exported model <stem>.*: an enumeration of
// the classes with their labels, and a detector that takes a frame and returns boxes in the frame's
// own pixels, best first. Letterbox, decoding and suppression are those of image/letterbox.h and
// detect/decode.h, for this network. docs/formats/wrappers.md has the files and how they are used.
//
// Empty for a format that has no wrapper and for a network without heads or with an input of other
// than 3 channels. Throws usage Errors for invalid options. Weights are not needed.
std::vector<File> write_wrapper(const graph::Network& network, const Format& format,
                                const WriteOptions& options, const std::string& stem);

}  // namespace oko::formats

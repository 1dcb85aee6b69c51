#pragma once

#include <optional>
#include <string>

#include "oko/base/bytes.h"
#include "oko/formats/heads.h"

namespace oko::formats {

// A frozen TensorFlow graph (GraphDef, ".pb", weights as constants). Supported are convolution,
// batch norm (fused or decomposed), activations (also leaky as Maximum, swish as Mul), pooling,
// upsampling by an integer factor, concatenation, sums, padding and dense layers, in NHWC or NCHW.
// Anything else between a raw head and the graph's outputs is taken for box decoding and dropped;
// `notes` say where. Before a layer with weights it is an Error. `size` is the input's if the file
// does not fix it, and overrides the file's. Throws input Errors with "file: node (operation)".
Imported read_tensorflow(const Bytes& file, const std::string& name,
                         std::optional<image::Size> size = {});

}  // namespace oko::formats

#pragma once

#include <optional>
#include <string>

#include "oko/base/bytes.h"
#include "oko/formats/heads.h"

namespace oko::formats {

// A frozen TensorFlow graph (GraphDef, ".pb", weights as constants). Understood are convolution,
// batch norm (fused, or in its parts), activations (also leaky as Maximum, swish as Mul), pooling,
// upsampling by a whole number, concatenation, sums, padding and dense layers, in NHWC or NCHW.
// Whatever else stands between a raw map and the graph's outputs is taken for the decoding of boxes
// and left out; `notes` tell where. In front of a layer with weights it is an Error. `size` is the
// input's where the file leaves it open, and goes before the file's own. Throws input Errors with
// "file: node (operation)".
Imported read_tensorflow(const Bytes& file, const std::string& name,
                         std::optional<image::Size> size = {});

}  // namespace oko::formats

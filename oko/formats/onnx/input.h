#pragma once

#include <string>

#include "oko/formats/onnx.h"
#include "oko/formats/onnx/onnx.pb.h"

namespace oko::formats {

// The graph's input image.
struct OnnxInput {
  std::string name;
  graph::Shape shape;
  bool channels_last = false;  // in the file, as in TensorFlow
};

// Throws an input Error if there is none or more than one, or if its shape is neither fixed nor in
// `options`.
OnnxInput find_onnx_input(const onnx::Graph& graph, const std::string& file,
                          const OnnxReadOptions& options);

}  // namespace oko::formats

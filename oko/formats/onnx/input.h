#pragma once

#include <string>

#include "oko/formats/onnx.h"
#include "oko/formats/onnx/onnx.pb.h"

namespace oko::formats {

// The one input of a graph that is a picture.
struct OnnxInput {
  std::string name;
  graph::Shape shape;
  bool channels_last = false;  // in the file, as TensorFlow has it
};

// Throws an input Error where there is none, more than one, or its shape is open and not in
// `options`.
OnnxInput find_onnx_input(const onnx::Graph& graph, const std::string& file,
                          const OnnxReadOptions& options);

}  // namespace oko::formats

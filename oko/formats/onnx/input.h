#pragma once

#include <optional>
#include <string>
#include <utility>

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

// Where the image's size is open, the one that Ultralytics' exporter notes in the metadata: height
// and width.
std::optional<std::pair<int, int>> noted_size(const onnx::Model& model);

}  // namespace oko::formats

#pragma once

#include "oko/formats/onnx.h"
#include "oko/formats/onnx/graph_writer.h"
#include "oko/formats/onnx/layer_writer.h"

namespace oko::formats {

// Adds the nodes that turn the raw heads into the outputs "boxes", "scores" and "classes", whose
// names are reserved: the formulas of graph::Yolo, Region, Distances and Ssd, and
// NonMaxSuppression.
void write_boxes(const graph::Network& network, const WriteOptions& options,
                 const LayerWriter& layers, GraphWriter& to);

}  // namespace oko::formats

#pragma once

#include <optional>
#include <vector>

#include "oko/formats/ncnn/param.h"
#include "oko/graph/network.h"
#include "oko/graph/tensor.h"

// Boxes of SSDs, as the layers that ncnn has from Caffe compute them.
namespace oko::formats::ncnn {

// What a PriorBox makes of the shapes of a map and of the image: two rows, the corners of the boxes
// of every cell in parts of the image, and by how much values move and widen each. Nothing if it
// says so in a way that oko does not know.
std::optional<graph::Tensor> priors_of(const Line& line, const graph::Shape& map,
                                       const graph::Shape& image);

// What a DetectionOutput makes of values, scores and priors before it chooses boxes: corners,
// [rows, 4], and the scores without the background's, [rows, classes]. Nothing if they do not fit.
std::optional<std::vector<graph::Tensor>> unsuppressed(const Line& line,
                                                       const graph::Tensor& values,
                                                       const graph::Tensor& scores,
                                                       const graph::Tensor& priors);

}  // namespace oko::formats::ncnn

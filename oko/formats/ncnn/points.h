#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "oko/formats/ncnn/param.h"
#include "oko/graph/tensor.h"
#include "oko/image/geometry.h"

// pnnx writes no size of the input. Files that decode boxes without anchors hold the centres of all
// cells, in cells, and the strides of all cells.
namespace oko::formats::ncnn {

// The size by the number of cells, of strides 8, 16, 32 and maybe 64: as square as it may be, which
// is only a first guess. Nothing if the file has no centres.
std::optional<image::Size> guessed_size(const std::vector<Line>& lines);

// The size by the centres and strides. Nothing if there are none.
std::optional<image::Size> size_of_points(const std::map<std::string, graph::Tensor>& constants);

}  // namespace oko::formats::ncnn

#pragma once

#include <set>
#include <vector>

#include "oko/formats/ncnn/param.h"

namespace oko::formats::ncnn {

// The lines of a file that only its second output needs, where that has the maps of which masks of
// instances are made: 32 channels, after a deconvolution. `lines` must outlive them.
std::set<const Line*> lines_of_masks(const std::vector<Line>& lines);

}  // namespace oko::formats::ncnn

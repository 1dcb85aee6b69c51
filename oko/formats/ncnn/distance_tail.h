#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "oko/formats/ncnn/param.h"

namespace oko::formats::ncnn {

// The end of a NanoDet-Plus: each level's output is cut into class logits and distances, the logits
// pass a sigmoid, and all cells of all levels become the rows of one output.
struct DistanceTail {
  std::vector<std::string> outputs;  // blobs of the raw outputs, as in the file's order
  int classes = 0, bins = 0;
  std::set<const Line*> lines;  // those of the tail, which the head replaces
};

// Nothing if the file ends in another way.
std::optional<DistanceTail> find_distance_tail(const std::vector<Line>& lines);

}  // namespace oko::formats::ncnn

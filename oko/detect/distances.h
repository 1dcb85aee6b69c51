#pragma once

#include <vector>

#include "oko/detect/decode.h"
#include "oko/detect/detection.h"
#include "oko/graph/head.h"

namespace oko::detect {

// What decode() and best_score() do for one head of graph::Distances. Boxes are added in the order
// of class, row, column.
void decode_head(const graph::Head& grid, const graph::Distances& head, HeadMap map,
                 const Thresholds& thresholds, std::vector<Detection>& found);
float best_head_score(const graph::Head& grid, const graph::Distances& head, HeadMap map);

// Raw values up to this cannot have a sigmoid above the threshold. The threshold is lowered
// slightly first, so that no rounding matters here, including that of this machine's logarithm:
// values that pass are compared again after the sigmoid.
float raw_floor(float threshold);
bool is_finite(const image::Box& box);

}  // namespace oko::detect

#pragma once

#include <vector>

#include "oko/detect/decode.h"
#include "oko/detect/detection.h"
#include "oko/graph/head.h"

namespace oko::detect {

// What decode() and best_score() do for one head of graph::Ssd. Boxes are added in the order of
// anchor, row, column, class.
void decode_head(const graph::Head& grid, const graph::Ssd& head, HeadMap map,
                 const Thresholds& thresholds, std::vector<Detection>& found);
float best_head_score(const graph::Head& grid, const graph::Ssd& head, HeadMap map);

}  // namespace oko::detect

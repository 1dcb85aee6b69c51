#pragma once

#include <map>
#include <string>
#include <vector>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/dataset/read.h"

namespace oko::dataset {

// What is not in the copy, by the kind of the finding that is the reason.
struct Dropped {
  std::map<std::string, int> images, boxes;
};

struct RepairResult {
  int pictures_left_out = 0, pictures_turned = 0, pictures_renamed = 0;
  int boxes_left_out = 0, boxes_clipped = 0, boxes_scaled = 0;
  Dropped dropped;  // in reading too: every box of the source is in the copy or counted here
};

// Writes the dataset anew, in its own format, into a new or empty folder with everything mended
// that check()'s findings can mend; what reading worked around (empty boxes, swapped corners, …) is
// gone with it. The source is not touched: pictures are copied, only those turned upright are
// encoded again (JPEG quality 95).
RepairResult repair(const Dataset& dataset, const std::vector<Finding>& findings,
                    const std::string& folder, Progress& progress);

}  // namespace oko::dataset

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/dataset/dropped.h"
#include "oko/dataset/finding.h"

namespace oko::dataset {

struct RepairResult {
  int pictures_dropped = 0, pictures_renamed = 0;
  int boxes_dropped = 0, boxes_clipped = 0, boxes_scaled = 0;
  Dropped dropped;  // including reading: every box of the source is in the copy or counted here
};

// Writes a copy of the dataset, in its own format, into a new or empty folder with everything fixed
// that check()'s findings can fix; what reading worked around (empty boxes, swapped corners, …) is
// fixed too. The source is not modified: images are copied byte for byte. `approve` gets the result
// before anything is written and may throw; `interrupted` is called before every image, as in
// PackOptions.
struct RepairOptions {
  std::function<void(const RepairResult&)> approve;
  std::function<bool()> interrupted;
};
RepairResult repair(const Dataset& dataset, const std::vector<Finding>& findings,
                    const std::string& folder, Progress& progress,
                    const RepairOptions& options = {});

}  // namespace oko::dataset

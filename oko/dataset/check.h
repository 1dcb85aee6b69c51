#pragma once

#include <vector>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/dataset/read.h"

namespace oko::dataset {

struct CheckOptions {
  image::Size input{416, 416};  // of the network, for tiny boxes
  int threads = 0;              // 0: all processors
  bool exif_known = false;  // the caller specified which pixels boxes are on (ReadOptions::exif)
};

// Opens every image once and checks boxes, classes and splits. Findings of reading are not
// repeated: append these to those of read(). docs/datasets.md lists the kinds.
std::vector<Finding> check(const Dataset& dataset, Progress& progress,
                           const CheckOptions& options = {});

}  // namespace oko::dataset

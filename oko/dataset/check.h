#pragma once

#include <vector>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/dataset/read.h"

namespace oko::dataset {

struct CheckOptions {
  image::Size input{416, 416};  // of the network: what counts as a tiny box
  int threads = 0;              // 0: all processors
  bool exif_known = false;      // the caller has said which pixels boxes lie on (ReadOptions::exif)
};

// Opens every picture once and looks over boxes, classes and splits. What reading found is not
// repeated: append these findings to those of read(). docs/datasets.md lists the kinds.
std::vector<Finding> check(const Dataset& dataset, Progress& progress,
                           const CheckOptions& options = {});

// How a picture's real size fits what its annotation says; both upright.
enum class SizeFit {
  kSame,
  kUnsaid,  // the annotation has no size
  kScaled,  // the same shape: boxes were drawn on a larger or smaller copy
  kTurned,  // the same shape with the sides swapped: one of them was turned since
  kOther
};
SizeFit compare_sizes(image::Size said, image::Size real);

}  // namespace oko::dataset

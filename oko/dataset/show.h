#pragma once

#include <cstdint>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/image/frame.h"

namespace oko::dataset {

struct SheetOptions {
  int pictures = 24;
  int columns = 6;
  int cell = 320;          // side of a picture's square, pixels
  std::uint64_t seed = 1;  // which images are chosen; 0: the first ones
};

// A contact sheet: pictures with their boxes, class names, file names and splits; backgrounds are
// labelled as such, and images that cannot be read show why. Throws a usage Error for invalid
// counts.
image::Picture contact_sheet(const Dataset& dataset, const SheetOptions& options,
                             Progress& progress);

}  // namespace oko::dataset

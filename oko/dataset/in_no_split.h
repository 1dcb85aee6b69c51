#pragma once

#include "oko/dataset/assemble.h"

namespace oko::dataset {

// Tells of images in no split where others are in one, and where several annotation files lie side
// by side and none is called like a split: an "in-no-split" note for each file, or folder where
// each image has a file of its own. Nothing where the reader has told of them.
void tell_in_no_split(Source& source);

}  // namespace oko::dataset

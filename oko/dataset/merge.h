#pragma once

#include "oko/dataset/assemble.h"

namespace oko::dataset {

// Leaves one entry for each image. Entries of one path become one with the boxes of all, repeated
// boxes once ("duplicate-entry"), in test before val before train ("two-splits"). Where different
// paths were taken for one image, the one that fits it best has it, and the others are
// "missing-image" errors; all of them are where none fits better.
// The bytes of `names` tell entries apart that differ in the form of Unicode.
void merge_entries(Source& source, const DiskNames& names = {});

}  // namespace oko::dataset

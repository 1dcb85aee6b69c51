#pragma once

#include "oko/dataset/disk_names.h"
#include "oko/dataset/source.h"

namespace oko::dataset {

// Leaves one entry per image. Entries of one path are merged, with the boxes of all, repeated boxes
// once ("duplicate-entry"), in test before val before train ("two-splits"). If different paths
// matched one image, the best match gets it, and the others are "missing-image" errors; on a tie
// all of them are.
// The bytes of `names` tell entries apart that differ in the form of Unicode.
void merge_entries(Source& source, const DiskNames& names = {});

}  // namespace oko::dataset

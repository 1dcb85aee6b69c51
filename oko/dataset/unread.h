#pragma once

#include <string>
#include <vector>

#include "oko/dataset/assemble.h"

namespace oko::dataset {

// Tells of the files that look like annotations and that the reader of `source` has neither read
// nor told of: an "annotation-ignored" warning for each folder and kind, at its first file. Of the
// files of one folder and extension the first 50 are looked at, of each the first 64 KiB.
void tell_unread(const Tree& tree, Source& source);

// What makes it no data set of ours: "project.json is an export of Label Studio", or "".
std::string foreign_annotations(const Tree& tree);

}  // namespace oko::dataset

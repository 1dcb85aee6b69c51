#pragma once

#include <string>
#include <vector>

#include "oko/dataset/format.h"

namespace oko::dataset {

// Reports files that look like annotations but that the reader of `format` has neither read nor
// reported: an "annotation-ignored" warning for each folder and kind, at its first file. The first
// 50 files of each folder and extension are checked, 64 KiB of each.
void report_unread(const Tree& tree, Source& source, const Format& format);

// Why it is not a dataset that oko reads: "project.json is an export of Label Studio", or "".
std::string foreign_annotations(const Tree& tree);

}  // namespace oko::dataset

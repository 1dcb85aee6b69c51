#pragma once

#include "oko/dataset/format.h"

namespace oko::dataset {

// Reports images that are in no split although others are in one, and several annotation files side
// by side of which none is named like a split: an "in-no-split" note for each annotation file, or
// for each folder if every image has its own. Reports nothing that the reader already has.
void report_in_no_split(Source& source, const Format& format);

}  // namespace oko::dataset

#pragma once

#include <string>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/dataset/new_dataset.h"

namespace oko::dataset {

// Writes a dataset in the format of this name (oko/dataset/format.h) into a new or
// empty folder: pictures copied byte for byte, annotations and class list written, splits kept.
// Reading it back gives the same boxes (VOC and the Keras list: rounded to whole pixels). What a
// format cannot represent (Holds) is lost: fitted() (oko/dataset/fit.h) returns and counts what is
// left. A sample's files are named by its id, converted to a portable file name
// (oko/base/file_name.h: separators and bytes that are not UTF-8 become '_', more than 250 bytes
// are truncated and end in a hash); names that differ only in case or Unicode form get numbers. The
// folder appears under its name when it is complete (NewDataset); after an error nothing of it is
// left. Throws an input Error, before anything is written, for a split that cannot be a folder's
// name.
void write(const Dataset& dataset, const std::string& folder, const std::string& format,
           Progress& progress);

// The same with images provided by the caller; `pictures` is called from several threads.
void write(const Dataset& dataset, const std::string& folder, const std::string& format,
           Progress& progress, const PictureFiles& pictures);

}  // namespace oko::dataset

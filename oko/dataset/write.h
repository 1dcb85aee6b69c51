#pragma once

#include <string>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"

namespace oko::dataset {

// Writes a dataset in `format` ("voc", "coco", "yolo", "keras", "createml") into a new or empty
// folder: pictures copied byte for byte, annotations and class list written, splits kept.
// Reading it back gives the same boxes (VOC: rounded to whole pixels).
void write(const Dataset& dataset, const std::string& folder, const std::string& format,
           Progress& progress);

}  // namespace oko::dataset

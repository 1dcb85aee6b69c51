#pragma once

#include <string>
#include <vector>

#include "oko/dataset/dataset.h"
#include "oko/dataset/finding.h"
#include "oko/dataset/read_options.h"

namespace oko::dataset {

// Reads any source format. Objects that cannot be used (empty box, unknown class) are dropped and
// reported in `findings`; with findings == nullptr the first one of severity kError throws. Class
// order: options, else the source's list (classes.names, classes.txt, *.names, data.yaml, COCO
// categories), else names sorted. Reads only headers of images: for YOLO's relative boxes, and if
// their EXIF orientation may matter (oko/dataset/upright.h).
Dataset read(const std::string& uri, const ReadOptions& options = {},
             std::vector<Finding>* findings = nullptr);

}  // namespace oko::dataset

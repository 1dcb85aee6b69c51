#pragma once

#include <string>
#include <vector>

#include "oko/dataset/tree.h"

namespace oko::dataset {

// The formats that read() and write() know: "voc", "coco", "yolo", "keras", "createml",
// "shards".
const std::vector<std::string>& format_names();

// The format of the files in the tree. A layout specific to one format (Annotations/*.xml, a COCO
// or Create ML file, data.yaml) takes precedence over files that merely look like one (label files,
// lists). Throws an input Error that lists what was looked for if nothing fits, and a usage Error
// that names the candidates if several do.
std::string recognise(const Tree& tree);

}  // namespace oko::dataset

#pragma once

#include <string>
#include <vector>

#include "oko/dataset/tree.h"

namespace oko::dataset {

// The formats that read() and write() know: "voc", "coco", "yolo", "keras", "createml",
// "shards".
const std::vector<std::string>& format_names();

// The format of what lies in the tree. A layout made for one format (Annotations/*.xml, a COCO or
// Create ML file, data.yaml) goes before files that merely look like it (label files, lists).
// Throws an input Error that tells what was looked for where nothing fits, and a usage Error that
// names the candidates where several fit alike.
std::string recognise(const Tree& tree);

}  // namespace oko::dataset

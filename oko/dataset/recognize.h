#pragma once

#include "oko/dataset/format.h"

namespace oko::dataset {

// The format of the files in the tree. A layout specific to one format (Annotations/*.xml, a COCO
// or Create ML file, data.yaml) takes precedence over files that merely look like one (label files,
// lists). Throws an input Error that lists what was looked for if nothing fits, and a usage Error
// that names the candidates if several do.
const Format& recognize(const Tree& tree);

}  // namespace oko::dataset

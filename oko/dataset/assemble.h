#pragma once

#include <vector>

#include "oko/dataset/read_options.h"
#include "oko/dataset/source.h"
#include "oko/dataset/tree.h"

namespace oko::dataset {

// Merges entries of one image, resolves classes, makes ids unique and reports what cannot be used.
// The result has no format.
Dataset assemble(const Tree& tree, Source source, const ReadOptions& options,
                 std::vector<Finding>& findings);

}  // namespace oko::dataset

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oko/dataset/parsed.h"
#include "oko/dataset/source.h"
#include "oko/dataset/tree.h"

namespace oko::dataset {

// Create ML's list of pictures: [{"image": …, "annotations": [{"label": …, "coordinates": {x, y,
// width, height}}]}], centre and size in pixels. Throws an input Error if it is not JSON or not a
// list; single elements that cannot be used become findings.
ParsedFile parse_create_ml(std::string_view text, const std::string& name);

std::string create_ml_text(const std::vector<const Sample*>& samples,
                           const std::vector<std::string>& file_names,
                           const std::vector<std::string>& classes);

// Every such file of the tree, the split taken from its folder.
Source read_create_ml(const Tree& tree);

// Whether a .json file looks like one.
bool is_create_ml(std::string_view text);

}  // namespace oko::dataset

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oko/dataset/parsed.h"
#include "oko/dataset/source.h"
#include "oko/dataset/tree.h"

namespace oko::dataset {

// A COCO instances file. Classes are ordered by category id; masks are skipped. Places are "name:
// annotations[12]". Throws an input Error if it is not JSON or not COCO; single images and
// annotations that cannot be used become findings.
ParsedFile parse_coco(std::string_view text, const std::string& name);

// The samples as a COCO file; category ids are class ids + 1. Difficult objects get "ignore": 1.
// file_names: of each sample's picture.
std::string coco_text(const std::vector<const Sample*>& samples,
                      const std::vector<std::string>& file_names,
                      const std::vector<std::string>& classes);

// Every COCO file of the tree (only instances_*.json if there are any), the split taken from the
// file's name or folder.
Source read_coco(const Tree& tree);

// Whether a .json file looks like one.
bool is_coco(std::string_view text);

}  // namespace oko::dataset

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oko/dataset/parsed.h"
#include "oko/dataset/source.h"
#include "oko/dataset/tree.h"

namespace oko::dataset {

// A train list: one image per line, "path x1,y1,x2,y2,class x1,y1,…", edges in pixels. Boxes are
// read from the line's end, so a path may hold blanks. Lines that cannot be used become findings;
// never throws.
ParsedFile parse_keras_list(std::string_view text, const std::string& name);

// The samples as such a list, edges rounded to whole pixels. paths: of each sample's picture.
std::string keras_list_text(const std::vector<const Sample*>& samples,
                            const std::vector<std::string>& paths);

// A list by its name, or every list in a folder (train.txt, val.txt, …). Images are searched next
// to the list and below the folder; absolute paths may point anywhere.
Source read_keras_list(const Tree& tree);

// Whether a .txt file looks like one: its first non-empty line ends in a box.
bool is_keras_list(std::string_view text);

}  // namespace oko::dataset

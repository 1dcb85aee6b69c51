#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oko/dataset/finding.h"
#include "oko/dataset/tree.h"

namespace oko::dataset {

// parse_class_list() of oko/base; a duplicate name is an "ambiguous-class" error, one that starts
// with # a "class-comment" warning.
std::vector<std::string> read_class_list(std::string_view text, const std::string& name,
                                         std::vector<Finding>& findings);

// The class list in the tree (classes.names, classes.txt, obj.names, …, else the only
// *.names or classes.txt in any folder), or nothing. Several that differ are "ambiguous-class": an
// error if labels use class numbers.
std::vector<std::string> find_class_list(const Tree& tree, std::vector<Finding>& findings,
                                         bool is_numbered);
// Whether a file is named like a class list: classes.txt, *.names.
bool is_class_list_name(const std::string& path);

}  // namespace oko::dataset

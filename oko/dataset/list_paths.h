#pragma once

#include <string>
#include <vector>

#include "oko/dataset/tree.h"

namespace oko::dataset {

// Finds the images that the lines of one list name. Where none is there as written, the list was
// written from another folder or on another machine: those folders that all lines begin with are
// taken off until one is there, but none that images here lie in; all other lines lose the same.
class ListPaths {
 public:
  // `folder` is the one the list is in.
  ListPaths(const Tree& tree, std::string folder, const std::vector<std::string>& written);
  std::string find(const std::string& written) const;  // as Tree::find_path()

 private:
  const Tree& tree_;
  std::string folder_, start_;
};

}  // namespace oko::dataset

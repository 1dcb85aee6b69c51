#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oko/dataset/tree.h"

namespace oko::dataset {

// Whether a .txt file starts with a line that is an image name.
bool is_image_list(std::string_view text);

// Finds the images of a list's lines. If none exists as written, the list was written from another
// folder or on another machine: the folders common to all lines are stripped until an image is
// found, except folders that contain images here; the same is stripped from all lines.
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

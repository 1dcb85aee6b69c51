#pragma once

#include <map>
#include <string>
#include <vector>

#include "oko/dataset/data_yaml.h"
#include "oko/dataset/tree.h"

namespace oko::dataset {

// The splits of a tree's images, as defined by a data file or lists.
struct ListedSplits {
  bool listed = false;
  std::map<std::string, std::string> of;    // split of each image
  std::map<std::string, std::string> same;  // splits that reuse another's images: val → train
};

// Of the data.yaml or .data file at `path`. Places are found as Ultralytics finds them:
// below its folder and the `path` in it, else its folder, else the root; one that starts with "../"
// also without it. From a place on another machine `path` is stripped, then leading folders, but
// none named like another split. A split whose folders are missing is taken from folder names here,
// with a warning; without those, a missing train or val is an error. An image in two splits is kept
// in test before val before train, with a warning.
ListedSplits splits_of_data_file(const Tree& tree, const DataFile& file, const std::string& path,
                                 std::vector<Finding>& findings);

// From train.txt, val.txt, … that list images, else 2007_train.txt, ….
ListedSplits splits_of_lists(const Tree& tree, std::vector<Finding>& findings);

}  // namespace oko::dataset

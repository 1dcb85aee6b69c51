#pragma once

#include <map>
#include <string>
#include <vector>

#include "oko/dataset/finding.h"
#include "oko/dataset/parsed.h"

namespace oko::dataset {

// An image that was found, with its annotation.
struct SourcePicture {
  std::string id;          // as in the source; made unique by assemble()
  std::string image;       // relative path in the tree, or a URI outside it
  std::string annotation;  // relative path, or ""
  std::string split;
  ParsedPicture parsed;
  std::string written = {};    // the path by which it was found, if that is not parsed.name
  bool second_choice = false;  // VOC: by <filename>, since none is named like the annotation
  bool turned = false;         // by turn_upright(): boxes were on stored pixels
};

// What the reader of a format collected from a tree.
struct Source {
  std::vector<SourcePicture> pictures;
  std::vector<std::string> classes;  // its own list, if any
  std::vector<Finding> findings;
  std::map<std::string, std::string> same_splits = {};  // as in Dataset
  bool upright = false;  // boxes and sizes are known to be on upright pixels
};

}  // namespace oko::dataset

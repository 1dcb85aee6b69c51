#pragma once

#include <map>
#include <string>
#include <vector>

#include "oko/dataset/parsed.h"
#include "oko/dataset/read.h"
#include "oko/dataset/tree.h"

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
  std::string format;
  std::vector<SourcePicture> pictures;
  std::vector<std::string> classes;  // its own list, if any
  std::vector<Finding> findings;
  std::map<std::string, std::string> same_splits = {};  // as in Dataset
  bool upright = false;  // boxes and sizes are known to be on upright pixels
};

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

// Merges entries of one image, resolves classes, makes ids unique and reports what cannot be used.
Dataset assemble(const Tree& tree, Source source, const ReadOptions& options,
                 std::vector<Finding>& findings);

}  // namespace oko::dataset

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/dataset/read.h"

namespace oko::dataset {

// What a YOLO data file says: data.yaml or Darknet's .data.
struct DataFile {
  std::string path;  // folder the others are relative to; often another machine's
  std::vector<std::string> train, val, test;  // folders of pictures or lists of them
  std::vector<std::string> names;             // classes in order
  std::string names_file;                     // where they are listed instead
  std::optional<int> class_count;             // nc, or classes of .data
  int count_line = 0;                         // of class_count
  std::optional<int> keypoint_values;  // kpt_shape: numbers after the box on each label line
  std::vector<Finding> findings;
};

// YAML as a library reads it: any style, anchors, merges; names are text as written ("yes", "1").
// Other keys may hold anything. Throws an input Error "name:line" for text that is not valid YAML,
// names that are not texts or not numbered from 0 without gaps, and more than 4 MiB.
DataFile parse_data_yaml(std::string_view text, const std::string& name);

// "key = value" lines: train, valid, test, names, classes.
DataFile parse_darknet_data(std::string_view text, const std::string& name = {});

// Whether a .yaml file looks like one: it has names, or nc and train. A file that is not valid YAML
// does where a line begins with "names:".
bool is_data_yaml(std::string_view text);

}  // namespace oko::dataset

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/dataset/finding.h"

namespace oko::dataset {

// The contents of a YOLO data file: data.yaml or Darknet's .data.
struct DataFile {
  std::string path;  // folder that the others are relative to; often from another machine
  std::vector<std::string> train, val, test;  // folders of pictures or lists of them
  std::vector<std::string> names;             // classes in order
  std::string names_file;                     // a file that lists them instead
  std::optional<int> class_count;             // nc, or classes of .data
  int count_line = 0;                         // of class_count
  std::optional<int> keypoint_values;         // kpt_shape: values after the box on each label line
  std::vector<Finding> findings;
};

// Full YAML: any style, anchors, merges; names are literal text ("yes", "1"). Other keys may have
// any value. Throws an input Error "name:line" for invalid YAML, names that are not strings or not
// numbered from 0 without gaps, and more than 4 MiB.
DataFile parse_data_yaml(std::string_view text, const std::string& name);

// "key = value" lines: train, valid, test, names, classes.
DataFile parse_darknet_data(std::string_view text, const std::string& name = {});

// Whether a .yaml file looks like one: it has names, or nc and train. A file that is not valid YAML
// does if a line starts with "names:".
bool is_data_yaml(std::string_view text);

}  // namespace oko::dataset

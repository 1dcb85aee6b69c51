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
  std::string names_file;                     // .data: where they are listed
  std::vector<Finding> findings;
};

// The subset of YAML that such files use: "key: value", lists in brackets or as "- item", and names
// as a map of numbers. Keys that are not asked for are passed over, whatever they hold. Throws an
// input Error "name:line" for names that cannot be understood.
DataFile parse_data_yaml(std::string_view text, const std::string& name);

// "key = value" lines: train, valid, test, names.
DataFile parse_darknet_data(std::string_view text);

// Whether a .yaml file looks like one: it has names and train or val.
bool is_data_yaml(std::string_view text);

}  // namespace oko::dataset

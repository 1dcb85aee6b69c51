// needs: dataset
// Any text is rejected or read; the names read can be written and read again.

#include "annotations.h"
#include "oko/base/class_list.h"
#include "oko/dataset/data_yaml.h"
#include "oko/dataset/yolo_txt.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::dataset;
  is_data_yaml(text_of(data, size));
  parse_darknet_data(text_of(data, size));
  DataFile file;
  try {
    file = parse_data_yaml(text_of(data, size), "input");
  } catch (const oko::Error&) {
    return 0;
  }
  for (const std::string& name : file.names) {
    if (!oko::is_valid_utf8(name)) std::abort();
  }
  if (file.names.empty()) return 0;
  if (parse_data_yaml(data_yaml_text(file.names, {"train"}), "written").names != file.names) {
    std::abort();
  }
  return 0;
}

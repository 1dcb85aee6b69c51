// needs: dataset
// Any text is read as labels, as data.yaml (or rejected) and as a .data file.

#include "annotations.h"
#include "oko/dataset/data_yaml.h"
#include "oko/dataset/yolo_txt.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::dataset;
  const std::string_view text = text_of(data, size);
  is_yolo_labels(text);
  expect_usable(parse_yolo_labels(text, "input", {640, 480}));
  is_data_yaml(text);
  parse_darknet_data(text);
  try {
    const DataFile file = parse_data_yaml(text, "input");
    const DataFile again = parse_data_yaml(data_yaml_text(file.names, {"train"}), "written");
    if (again.names.size() != file.names.size()) std::abort();
  } catch (const oko::Error&) {
  }
  return 0;
}

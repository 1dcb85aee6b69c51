// needs: dataset
// Any text is read: each line is a picture or a finding.

#include "annotations.h"
#include "oko/dataset/keras_list.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::dataset;
  is_keras_list(text_of(data, size));
  const ParsedFile file = parse_keras_list(text_of(data, size), "input");
  expect_usable(file);
  std::vector<Finding> findings;
  parse_class_list(text_of(data, size), "input", findings);
  return 0;
}

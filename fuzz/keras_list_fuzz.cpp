// needs: dataset
// Any text is read: each line is an image or a finding.

#include "annotations.h"
#include "oko/base/class_list.h"
#include "oko/dataset/keras_list.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::dataset;
  is_keras_list(text_of(data, size));
  const ParsedFile file = parse_keras_list(text_of(data, size), "input");
  expect_usable(file);
  try {
    const auto names = oko::parse_class_list(text_of(data, size), "input");
    if (oko::parse_class_list(oko::class_list_text(names, "written"), "written") != names)
      std::abort();
  } catch (const oko::Error& e) {
    if (e.place() == "written") std::abort();
  }
  return 0;
}

// needs: dataset
// Any text is rejected or read into usable boxes.

#include "annotations.h"
#include "oko/dataset/create_ml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::dataset;
  is_create_ml(text_of(data, size));
  try {
    expect_usable(parse_create_ml(text_of(data, size), "input"));
  } catch (const oko::Error&) {
  }
  return 0;
}

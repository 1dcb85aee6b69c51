// needs: dataset
// Any bytes are rejected or become UTF-8, and JSON's lines are found in them.

#include <span>

#include "annotations.h"
#include "oko/base/class_list.h"
#include "oko/dataset/encoding.h"
#include "oko/dataset/json_lines.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::dataset;
  element_lines(text_of(data, size));
  int count = 0;
  without_nan(text_of(data, size), count);
  try {
    const Text text(oko::Bytes(std::string(text_of(data, size))), "input");
    if (!oko::is_valid_utf8(text.text())) std::abort();
  } catch (const oko::Error&) {
  }
  return 0;
}

// needs: dataset
// The first byte chooses an extension: any other bytes must be classified.

#include <iterator>

#include "annotations.h"
#include "oko/dataset/file_kind.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::dataset;
  constexpr const char* kExtensions[]{".json", ".xml", ".csv", ".txt", ".yaml", ".data", ".jsonl"};
  if (size == 0) return 0;
  const std::string_view text = text_of(data + 1, size - 1);
  const auto kind = kind_of_file(kExtensions[data[0] % std::size(kExtensions)], text);
  if (kind && kind->name.empty()) std::abort();
  has_box_lines(text);
  return 0;
}

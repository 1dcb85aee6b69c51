// needs: dataset
// Any text is rejected or read; what is written from it reads back with as many objects.

#include "annotations.h"
#include "oko/dataset/voc.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::dataset;
  ParsedFile file;
  try {
    file = parse_voc(text_of(data, size), "input");
  } catch (const oko::Error&) {
    return 0;
  }
  expect_usable(file);
  Sample sample;
  sample.size = file.pictures.at(0).size;
  for (const ParsedObject& parsed : file.pictures[0].objects) {
    sample.objects.push_back(parsed);
    sample.objects.back().class_id = 0;
  }
  const ParsedFile again = parse_voc(voc_text(sample, {"thing"}, "a.jpg"), "written");
  expect_usable(again);
  if (again.pictures.at(0).objects.size() != sample.objects.size()) std::abort();
  return 0;
}

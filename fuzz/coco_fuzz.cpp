// needs: dataset
// Any text is rejected or read; what is written from it reads back with the same boxes.

#include "annotations.h"
#include "oko/dataset/coco.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::dataset;
  is_coco(text_of(data, size));
  ParsedFile file;
  try {
    file = parse_coco(text_of(data, size), "input");
  } catch (const oko::Error&) {
    return 0;
  }
  expect_usable(file);
  std::vector<Sample> samples(file.pictures.size());
  std::vector<const Sample*> pointers;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i].size = file.pictures[i].size;
    for (const ParsedObject& parsed : file.pictures[i].objects) {
      samples[i].objects.push_back(parsed);
      samples[i].objects.back().class_id = 0;
    }
    pointers.push_back(&samples[i]);
    names.push_back(std::to_string(i) + ".jpg");
  }
  const ParsedFile again = parse_coco(coco_text(pointers, names, {"thing"}), "written");
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto& objects = again.pictures.at(i).objects;
    if (objects.size() != samples[i].objects.size()) std::abort();
    for (std::size_t j = 0; j < objects.size(); ++j) {
      if (!(objects[j].box == samples[i].objects[j].box)) std::abort();
    }
  }
  return 0;
}

#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace oko::cases {

// The folder of one group of cases ("datasets", "models", "hostile"), next to OKO_DATA; "" if not
// installed.
std::string folder_of(const std::string& group);

// A dataset as read, one line per item, so that the expected result of a case can be written down:
//
//   voc: cat, dog                                  format: classes
//   cam1/0001.png 64x48 train: cat 1,2,30,40       image, size, split: class and edges
//   cam1/0002.png 64x48: nothing
//   warning empty-box: Annotations/1.xml:14        severity kind: place (one line per finding)
//   error 3: data.yaml:2: …                        instead of all that, if it is rejected
//
// Images and findings are sorted; edges are rounded to a hundredth; paths are relative to the case.
std::string described(const std::string& dataset);

// The expected result of one case of cases/datasets.
struct Expected {
  std::string name;  // of the folder
  std::string text;  // what described() must return, without its last newline
};
std::vector<Expected> matching_cases();  // images, annotations and splits that belong together
std::vector<Expected> image_cases();     // pixels, EXIF and formats of images
std::vector<Expected> text_cases();      // what is inside the files: classes, numbers, encodings

}  // namespace oko::cases

// Declares `variable`, the folder of a group of cases, or skips the test.
#define OKO_CASES(variable, group)                             \
  const std::string variable = ::oko::cases::folder_of(group); \
  if (variable.empty()) GTEST_SKIP() << "no cases next to OKO_DATA"

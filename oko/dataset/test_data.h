#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "oko/dataset/dataset.h"
#include "oko/dataset/read.h"
#include "oko/image/frame.h"
#include "oko/media/picture.h"

namespace oko::dataset {

// A folder of the reference data, or "" if not installed (the test is then skipped).
inline std::string reference_data(const std::string& name) {
  const char* root = std::getenv("OKO_DATA");
  const std::string folder = root ? std::string(root) + "/" + name : "";
  return !folder.empty() && std::filesystem::exists(folder) ? folder : "";
}

// An empty folder for one test, removed with it; `name` distinguishes several in one test.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& name = "") {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ =
        ::testing::TempDir() + "oko_dataset_" + test->test_suite_name() + "_" + test->name() + name;
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// A JPEG with an EXIF orientation inserted after its first marker.
inline std::vector<std::byte> jpeg_with_orientation(const image::Picture& stored, int orientation) {
  std::vector<std::byte> file = media::encode_jpeg(stored, 100);
  std::string exif(
      "\xFF\xE1\x00\x22"
      "Exif\0\0"
      "II*\0\x08\0\0\0\x01\0"
      "\x12\x01\x03\0\x01\0\0\0?\0\0\0\0\0\0\0",
      36);
  exif[28] = static_cast<char>(orientation);
  const auto bytes = std::as_bytes(std::span(exif));
  file.insert(file.begin() + 2, bytes.begin(), bytes.end());
  return file;
}

using Counts = std::map<std::string, int>;

inline Counts boxes_by_class(const Dataset& dataset) {
  Counts counts;
  for (const Sample& sample : dataset.samples) {
    for (const Object& object : sample.objects) {
      ++counts[dataset.classes.at(static_cast<std::size_t>(object.class_id))];
    }
  }
  return counts;
}

inline Counts pictures_by_split(const Dataset& dataset) {
  Counts counts;
  for (const Sample& sample : dataset.samples) ++counts[sample.split];
  return counts;
}

inline Counts findings_by_kind(const std::vector<Finding>& findings) {
  Counts counts;
  for (const Finding& finding : findings) ++counts[finding.kind];
  return counts;
}

inline const Sample& sample_named(const Dataset& dataset, std::string_view id) {
  for (const Sample& sample : dataset.samples) {
    if (sample.id == id) return sample;
  }
  throw std::runtime_error("no sample " + std::string(id));
}

}  // namespace oko::dataset

// Declares `variable`, the path of a reference data set, or skips the test.
#define OKO_REFERENCE_DATA(variable, name)                           \
  const std::string variable = ::oko::dataset::reference_data(name); \
  if (variable.empty())                                              \
  GTEST_SKIP() << "no reference data: set OKO_DATA to the folder that has " << (name)

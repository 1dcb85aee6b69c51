#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace oko::dataset {

// A folder of the reference data, or "" where the machine has none (the test is then skipped).
inline std::string reference_data(const std::string& name) {
  const char* root = std::getenv("OKO_DATA");
  const std::string folder = root ? std::string(root) + "/" + name : "";
  return !folder.empty() && std::filesystem::exists(folder) ? folder : "";
}

// An empty folder for one test, removed with it.
class ScratchFolder {
 public:
  ScratchFolder() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = ::testing::TempDir() + "oko_dataset_" + test->test_suite_name() + "_" + test->name();
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

}  // namespace oko::dataset

// Declares `variable`, the path of a reference data set, or skips the test.
#define OKO_REFERENCE_DATA(variable, name)                           \
  const std::string variable = ::oko::dataset::reference_data(name); \
  if (variable.empty())                                              \
  GTEST_SKIP() << "no reference data: set OKO_DATA to the folder that has " name

#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/dataset/dataset.h"
#include "oko/storage/new_folder.h"

namespace oko::dataset {

// The image file written for a sample.
struct PictureFile {
  std::string extension;  // with the dot
  Bytes content;
};
using PictureFiles = std::function<PictureFile(const Sample&)>;

// As stored in `dataset`, which must outlive the result.
PictureFiles stored_pictures(const Dataset& dataset);

// Throws a usage Error if `folder` exists and is not empty, or is a file.
void expect_new_folder(const std::string& folder);

// A dataset being written into a new or empty folder, all or nothing.
class NewDataset {
 public:
  explicit NewDataset(const std::string& folder);  // throws like expect_new_folder()

  std::string path(const std::string& name) const;  // where to write a file of it
  // The file is part of the dataset from now on: removed after an error. Thread-safe.
  void add(const std::string& name);
  // Calls `write`; then the folder has its name. After an error nothing is left, or the Error says
  // where something is.
  void fill(const std::function<void()>& write);

 private:
  bool remove_files() const;

  storage::NewFolder draft_;
  std::mutex mutex_;
  std::vector<std::string> files_;
};

}  // namespace oko::dataset

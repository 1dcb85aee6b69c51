#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "oko/base/error.h"

namespace oko::cli {

// A new folder on this machine, removed with everything in it unless it gets another name.
class TemporaryFolder {
 public:
  // Its name begins with `prefix`.
  explicit TemporaryFolder(const std::string& prefix) : path_(prefix + "XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) {
      throw Error(ErrorCode::kStorage, path_, "cannot be created");
    }
  }
  ~TemporaryFolder() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  // Replaces an empty folder of that name.
  void keep_as(const std::string& name) {
    std::error_code error;
    std::filesystem::permissions(path_, std::filesystem::perms(0755), error);
    std::filesystem::rename(path_, name, error);
    if (error) throw Error(ErrorCode::kStorage, name, "cannot be written: " + error.message());
    path_.clear();
  }

 private:
  std::string path_;
};

}  // namespace oko::cli

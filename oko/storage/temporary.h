#pragma once

#include <string>

#include "oko/storage/uri.h"

namespace oko::storage {

// The folder for temporary files: TMPDIR, else /tmp. Throws an Error of kStorage that names it if
// it is missing, not a folder, or not writable.
std::string temporary_folder();

// A new folder on this machine, removed with everything in it unless it gets another name. Throws
// an Error of kStorage if it cannot be created.
class TemporaryFolder {
 public:
  // Its name begins with `prefix`.
  explicit TemporaryFolder(const std::string& prefix = join(temporary_folder(), "oko-"));
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return join(path_, name); }
  // Replaces an empty folder of that name.
  void keep_as(const std::string& name);

 private:
  std::string path_;
};

}  // namespace oko::storage

#pragma once

#include <string>

#include "oko/storage/uri.h"

namespace oko::storage {

// A folder that appears under its name atomically. On disk, if the name is free, it is filled under
// a hidden name next to it (".NAME.oko-part-…", which lists skip) and renamed at the end, so that
// even a killed process leaves no partial folder. In a bucket, or for an existing folder, path() is
// the name itself.
class NewFolder {
 public:
  explicit NewFolder(const Uri& uri);
  // Without keep(): removes empty folders; files are the writer's responsibility.
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  const std::string& path() const { return path_; }  // to write into
  // Gives the folder its name. Throws if the name is taken by now.
  void keep();

 private:
  std::string path_, name_;  // `name_` where it differs
  bool kept_ = false;
};

}  // namespace oko::storage

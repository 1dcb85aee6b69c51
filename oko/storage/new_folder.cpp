#include "oko/storage/new_folder.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "oko/storage/local/file.h"
#include "oko/storage/store.h"

namespace oko::storage {
namespace {

std::string without_slashes(std::string uri) {
  while (uri.size() > 1 && uri.ends_with('/')) uri.pop_back();
  return uri;
}

}  // namespace

NewFolder::NewFolder(const Uri& uri) : path_(uri.text()) {
  if (!uri.is_local()) return;
  const std::string name = without_slashes(uri.path());
  if (local::stat_path(name)) return;
  name_ = name;
  path_ = local::temporary_name(name);
}

NewFolder::~NewFolder() {
  if (kept_) return;
  remove_empty_folders(path_);
  if (!name_.empty()) ::rmdir(path_.c_str());
}

void NewFolder::keep() {
  if (!name_.empty()) {
    if (std::rename(path_.c_str(), name_.c_str()) != 0) {
      local::refuse(name_, "cannot name the folder", errno);
    }
    local::flush_folder(local::folder_of(name_));
  }
  kept_ = true;
}

}  // namespace oko::storage

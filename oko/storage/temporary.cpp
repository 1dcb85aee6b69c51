#include "oko/storage/temporary.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "oko/storage/store.h"

namespace oko::storage {

std::string temporary_folder() {
  const char* named = std::getenv("TMPDIR");
  std::string folder = named != nullptr && *named != '\0' ? named : "/tmp";
  const auto refuse = [&](const char* why) {
    throw Error(ErrorCode::kStorage, folder, why, "set TMPDIR to a writable folder");
  };
  const auto entry = stat(folder);
  if (!entry) refuse("the folder for temporary files is missing");
  if (!entry->is_folder) refuse("is meant for temporary files but is not a folder");
  if (::access(folder.c_str(), W_OK | X_OK) != 0) refuse("temporary files cannot be written there");
  return folder;
}

TemporaryFolder::TemporaryFolder(const std::string& prefix) : path_(prefix + "XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr) {
    throw Error(ErrorCode::kStorage, path_, "cannot be created");
  }
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  if (!path_.empty()) std::filesystem::remove_all(path_, error);
}

void TemporaryFolder::keep_as(const std::string& name) {
  std::error_code error;
  std::filesystem::permissions(path_, std::filesystem::perms(0755), error);
  std::filesystem::rename(path_, name, error);
  if (error) throw Error(ErrorCode::kStorage, name, "cannot be written: " + error.message());
  path_.clear();
}

}  // namespace oko::storage

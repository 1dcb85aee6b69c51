#include "oko/storage/temporary.h"

#include <unistd.h>

#include <cstdlib>

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

}  // namespace oko::storage

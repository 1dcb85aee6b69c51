#pragma once

#include <filesystem>
#include <string>

namespace oko::convert {

// A temporary folder, removed with all its files on destruction. Throws a storage Error if it
// cannot be created.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace oko::convert

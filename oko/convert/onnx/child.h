#pragma once

#include <filesystem>
#include <string>
#include <vector>

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

// Runs a program from PATH, without a shell, and waits for it. Its standard output and error go to
// the file `printed`. Returns its exit status; -1 if there is no such program or a signal ended it.
int run_program(const std::vector<std::string>& arguments, const std::string& printed);

}  // namespace oko::convert

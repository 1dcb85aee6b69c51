#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace oko::convert {

// A folder of its own that goes with all its files when this does. Throws a storage Error where
// none can be made.
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

// Runs a program that PATH has, without a shell, and waits for its end. What it prints, on both
// channels, goes into the file `printed`. Gives its exit status; -1 where there is no such program
// or a signal ended it.
int run_program(const std::vector<std::string>& arguments, const std::string& printed);

}  // namespace oko::convert

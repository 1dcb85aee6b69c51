#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/progress.h"

namespace oko::jobs::ssh {

// A file or folder of this machine as a tar file, read piece by piece. Links are followed, because
// what they refer to is not on the other machine; pipes and devices are skipped. Throws an input
// Error if there is nothing under that name, or if a file changes its size while it is read.
class TarStream {
 public:
  // `name`: of the file or folder in the tar file.
  TarStream(const std::string& from, const std::string& name, Progress& progress);

  std::uint64_t bytes() const { return bytes_; }  // of the content of all files
  bool is_folder() const { return is_folder_; }
  // The next piece, valid until the next call; empty at the end. Advances the progress.
  std::string_view next();

 private:
  struct File {
    std::string path, name;
    std::uint64_t size = 0;
  };
  std::string_view next_of_file();

  Progress& progress_;
  std::vector<File> files_;
  std::size_t next_ = 0;  // the file after the open one
  std::ifstream open_;
  std::uint64_t left_ = 0;  // of the open one
  bool padded_ = true, ended_ = false, is_folder_ = false;
  std::uint64_t bytes_ = 0;
  std::string piece_;
};

// The size of a file, or of all files of a folder, as TarStream would send it.
std::uint64_t bytes_of(const std::string& path);

}  // namespace oko::jobs::ssh

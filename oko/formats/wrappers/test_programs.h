// For tests of generated source: programs that compile and run it, if installed.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>

#include "oko/formats/format.h"

namespace oko::formats::wrappers {

// A folder that exists as long as the test.
class Folder {
 public:
  explicit Folder(const std::string& name) : path_(::testing::TempDir() + "oko_wrapper_" + name) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

  void write(const std::string& name, const void* data, std::size_t size) const {
    std::filesystem::create_directories(std::filesystem::path(*this / name).parent_path());
    std::ofstream file(*this / name, std::ios::binary);
    file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
  }
  void write(const std::string& name, const std::string& text) const {
    write(name, text.data(), text.size());
  }
  void write(const std::string& folder, const File& file) const {
    write(folder + file.name, file.bytes.data(), file.bytes.size());
  }
  template <typename T>
  void write(const std::string& name, const std::vector<T>& numbers) const {
    write(name, numbers.data(), numbers.size() * sizeof(T));
  }

 private:
  std::string path_;
};

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The output of a shell command; the test fails if it does.
inline std::string output_of(const std::string& command) {
  std::string text;
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return {};
  std::array<char, 4096> buffer{};
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    text.append(buffer.data(), count);
  }
  EXPECT_EQ(pclose(pipe), 0) << command << "\n" << text;
  return text;
}

}  // namespace oko::formats::wrappers

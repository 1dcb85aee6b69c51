#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace oko::formats {

// Debian's Python with its modules, even if another one comes first on the path.
inline std::string python() {
  return std::filesystem::exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
}

inline bool run_python(const std::string& arguments) {
  return std::system(("PYTHONDONTWRITEBYTECODE=1 " + python() + " " + arguments).c_str()) == 0;
}

inline bool python_has(const std::string& module) {
  return run_python("-c 'import " + module + "' 2> /dev/null");
}

// A script next to the readers: "keras/testing/write_cases.py".
inline std::string script(const std::string& name) {
  return std::string(OKO_FORMATS_FOLDER) + "/" + name;
}

// A folder for one test's files, removed at its end.
class TestFolder {
 public:
  explicit TestFolder(const std::string& name)
      : path_(::testing::TempDir() + name + "_" + std::to_string(getpid())) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace oko::formats

#define OKO_NEEDS_PYTHON(module)                                               \
  if (!::oko::formats::python_has(module)) {                                   \
    GTEST_SKIP() << "needs python3 with the module " module " to write files"; \
  }

#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace oko::bench {

// The adb of tests/bench comes first in PATH, with one phone that runs programs of this machine.
class FakePhone {
 public:
  explicit FakePhone(const std::string& folder) : folder_(folder) {
    namespace fs = std::filesystem;
    fs::remove_all(folder);
    fs::create_directories(folder + "/phone/data/local/tmp");
    const char* path = std::getenv("PATH");
    path_ = path != nullptr ? path : "";
    setenv("PATH", (OKO_SOURCE_DIR "/tests/bench:" + path_).c_str(), 1);
    setenv("FAKE_ADB", folder.c_str(), 1);
    devices("List of devices attached\nserial-1\tdevice\n\n");
    property("ro.product.cpu.abilist", "mips,x86_64,x86\n");
    property("ro.product.manufacturer", "Maker\n");
    property("ro.product.model", "Model 1\r\n");
    property("ro.build.version.release", "15\n");
  }
  ~FakePhone() {
    setenv("PATH", path_.c_str(), 1);
    unsetenv("FAKE_ADB");
  }
  FakePhone(const FakePhone&) = delete;
  FakePhone& operator=(const FakePhone&) = delete;

  void devices(const std::string& text) const { write("devices", text); }
  void property(const std::string& name, const std::string& value) const { write(name, value); }
  std::string log() const {
    std::ifstream file(folder_ + "/log");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // Nothing is left on the phone.
  bool clean() const { return std::filesystem::is_empty(folder_ + "/phone/data/local/tmp"); }

 private:
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }

  std::string folder_, path_;
};

}  // namespace oko::bench

#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "oko/storage/store.h"

namespace oko::cli {

// A minimal network: one convolution and one head of two classes.
constexpr char kCfg[] = R"([net]
width=32
height=32
channels=3
[convolutional]
filters=7
size=32
stride=32
activation=linear
[yolo]
mask=0
anchors=16,16
classes=2
)";
constexpr int kFloats = 7 + 7 * 3 * 32 * 32;

// A new folder for each test with that network: net.cfg, net.weights (all zero: both classes score
// .25 in the one box) and two.names.
class WithModel : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "oko_cli_" + test->test_suite_name() + "_" + test->name();
    std::filesystem::remove_all(folder_);
    storage::write(file("net.cfg"), std::string_view(kCfg));
    storage::write(file("net.weights"), weights(kFloats));
    storage::write(file("two.names"), std::string_view("rose\r\nleaf\n\n"));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string file(const std::string& name) const { return storage::join(folder_, name); }

  static std::string weights(int floats) {
    const std::int32_t version[] = {0, 2, 0, 320, 0};  // 320 images seen, as 64 bits
    std::string bytes(reinterpret_cast<const char*>(version), sizeof version);
    return bytes + std::string(static_cast<std::size_t>(floats) * 4, '\0');
  }

  std::string folder_;
};

}  // namespace oko::cli

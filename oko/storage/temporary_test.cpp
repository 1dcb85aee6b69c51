#include "oko/storage/temporary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "oko/base/error.h"
#include "oko/storage/store.h"

namespace oko::storage {
namespace {

// Sets TMPDIR for a test.
class TemporaryFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_temporary";
    if (const char* before = std::getenv("TMPDIR")) before_ = before;
  }
  void TearDown() override {
    before_.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", before_.c_str(), 1);
    std::filesystem::remove_all(folder_);
  }
  void name(const std::string& folder) const { ::setenv("TMPDIR", folder.c_str(), 1); }

  void expect_refused() const {
    try {
      temporary_folder();
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kStorage);
      EXPECT_EQ(error.place(), folder_);
      EXPECT_THAT(error.hint(), ::testing::HasSubstr("TMPDIR"));
    }
  }

  std::string folder_, before_;
};

TEST_F(TemporaryFolder, IsThatOfTmpdirElseOfTheSystem) {
  std::filesystem::create_directories(folder_);
  name(folder_);
  EXPECT_EQ(temporary_folder(), folder_);
  ::unsetenv("TMPDIR");
  EXPECT_EQ(temporary_folder(), "/tmp");
  name("");
  EXPECT_EQ(temporary_folder(), "/tmp");
}

TEST_F(TemporaryFolder, IsNamedIfItIsMissingOrAFile) {
  name(folder_);
  expect_refused();
  write(folder_, std::string_view("a file"));
  expect_refused();
}

}  // namespace
}  // namespace oko::storage

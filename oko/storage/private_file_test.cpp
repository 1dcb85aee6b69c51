#include "oko/storage/private_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "oko/base/error.h"

namespace oko::storage {
namespace {

class PrivateFile : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove(path_); }
  void TearDown() override { std::filesystem::remove(path_); }
  std::string path_ = testing::TempDir() + "oko_private_file";
};

TEST_F(PrivateFile, CanBeReadByItsOwnerOnly) {
  const mode_t before = umask(0);
  write_private_file(path_, "secret");
  umask(before);
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(read_private_file(path_), "secret");
}

TEST_F(PrivateFile, IsNotOverwritten) {
  write_private_file(path_, "first");
  EXPECT_THROW(write_private_file(path_, "second"), Error);
  EXPECT_EQ(read_private_file(path_), "first");
}

TEST_F(PrivateFile, IsRefusedIfOthersMayReadIt) {
  write_private_file(path_, "secret");
  for (const mode_t mode : {0640U, 0604U, 0620U}) {
    chmod(path_.c_str(), mode);
    EXPECT_THROW(read_private_file(path_), Error);
  }
}

TEST_F(PrivateFile, MustBeAFile) {
  EXPECT_THROW(read_private_file(path_), Error);
  EXPECT_THROW(read_private_file(testing::TempDir()), Error);
}

}  // namespace
}  // namespace oko::storage

#include "oko/storage/new_folder.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "oko/base/error.h"
#include "oko/storage/store.h"

namespace oko::storage {
namespace {

namespace fs = std::filesystem;

class NewFolders : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_new_folder_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  bool is_empty() const { return fs::is_empty(folder_); }

  std::string folder_;
};

TEST_F(NewFolders, AppearWholeAtTheEnd) {
  NewFolder made(folder_ + "/out/");
  write(made.path() + "/a/b.txt", "b");
  EXPECT_FALSE(exists(folder_ + "/out"));
  made.keep();
  EXPECT_EQ(read_text(folder_ + "/out/a/b.txt"), "b");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(NewFolders, AreGoneWhereTheirFilesAre) {
  {
    NewFolder made(folder_ + "/out");
    write(made.path() + "/a/b.txt", "b");
    remove(made.path() + "/a/b.txt");
  }
  EXPECT_TRUE(is_empty());
}

TEST_F(NewFolders, FillAnExistingFolderInPlace) {
  fs::create_directories(folder_ + "/out");
  NewFolder made(folder_ + "/out");
  EXPECT_EQ(made.path(), folder_ + "/out");
  write(made.path() + "/b.txt", "b");
  made.keep();
  EXPECT_TRUE(exists(folder_ + "/out/b.txt"));
}

TEST_F(NewFolders, NeverReplaceWhatTookTheNameInTheMeantime) {
  NewFolder made(folder_ + "/out");
  write(made.path() + "/b.txt", "b");
  write(folder_ + "/out/other.txt", "o");
  EXPECT_THROW(made.keep(), Error);
  EXPECT_EQ(read_text(folder_ + "/out/other.txt"), "o");
  remove(made.path() + "/b.txt");
}

}  // namespace
}  // namespace oko::storage

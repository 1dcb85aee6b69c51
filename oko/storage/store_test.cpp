#include "oko/storage/store.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "oko/base/error.h"

namespace oko::storage {
namespace {

class LocalStore : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "oko_store_" + test->name();
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(LocalStore, WritesReadsAndReplacesWholeFiles) {
  const std::string file = join(folder_, "a/b.txt");
  write(file, "one");
  write(file, "second");
  EXPECT_EQ(read_text(file), "second");
  EXPECT_EQ(map(file).text(), "second");
  EXPECT_EQ(read_range(file, 3, 100).text(), "ond");
  EXPECT_EQ(read_text("file://" + file), "second");
  EXPECT_EQ(list(join(folder_, "a")).size(), 1u) << "a temporary file was left behind";
}

TEST_F(LocalStore, AppendsAndLists) {
  append(join(folder_, "log"), "a\n");
  append(join(folder_, "log"), "b\n");
  write(join(folder_, "sub/x"), "");
  EXPECT_EQ(read_text(join(folder_, "log")), "a\nb\n");
  const auto entries = list(folder_);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].size, 4u);
  EXPECT_TRUE(entries[1].is_folder);
  EXPECT_EQ(list(folder_, true).size(), 2u);
  remove(join(folder_, "log"));
  remove(join(folder_, "log"));
  EXPECT_FALSE(exists(join(folder_, "log")));
}

TEST_F(LocalStore, NamesAMissingFile) {
  try {
    read(join(folder_, "none.jpg"));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInput);
    EXPECT_EQ(e.place(), join(folder_, "none.jpg"));
  }
  EXPECT_THROW(read("ftp://a/b"), Error);
}

TEST(Sha256, MatchesThePublishedVector) {
  EXPECT_EQ(sha256(std::as_bytes(std::span("abc", 3))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace oko::storage

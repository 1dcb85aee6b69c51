#include "oko/storage/places.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "oko/base/error.h"
#include "oko/storage/store.h"

namespace oko::storage {
namespace {

namespace fs = std::filesystem;

class Places : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_places_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_ + "/a/b/c");
    fs::create_directories(folder_ + "/ab");
    write(folder_ + "/a/f", "x");
    fs::create_directory_symlink(folder_ + "/a/b", folder_ + "/link");
    fs::create_symlink(folder_ + "/a/f", folder_ + "/file_link");
    fs::create_hard_link(folder_ + "/a/f", folder_ + "/hard");
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string at(const std::string& name) const { return folder_ + "/" + name; }
  std::string folder_;
};

TEST_F(Places, OnDiskAreComparedByIdentity) {
  EXPECT_TRUE(same_place(at("a"), at("a/")));
  EXPECT_TRUE(same_place(at("a"), at("ab/../a/.")));
  EXPECT_TRUE(same_place(at("a"), "file://" + at("a")));
  EXPECT_TRUE(same_place(at("link"), at("a/b")));
  EXPECT_TRUE(same_place(at("file_link"), at("a/f")));
  EXPECT_TRUE(same_place(at("hard"), at("a/f")));
  EXPECT_TRUE(same_place(at("none/x"), at("none/y/../x")));
  EXPECT_TRUE(same_place(fs::relative(at("a")).string(), at("a")));
  EXPECT_FALSE(same_place(at("a"), at("ab")));
  EXPECT_FALSE(same_place(at("a"), "s3://b/a"));
}

TEST_F(Places, ReadTheSameFromAnywhere) {
  EXPECT_EQ(absolute("/a/./b/../c/"), "/a/c");
  EXPECT_EQ(absolute("s3://b/a/../c"), "s3://b/a/../c");
  EXPECT_EQ(absolute("."), fs::current_path().string());
  const fs::path here = fs::current_path();
  fs::create_directory(at("gone"));
  fs::current_path(at("gone"));
  fs::remove(at("gone"));
  EXPECT_THROW(absolute("x"), Error);
  fs::current_path(here);
}

TEST_F(Places, OnDiskAreNestedThroughLinks) {
  EXPECT_TRUE(lies_in(at("a/b"), at("a")));
  EXPECT_TRUE(lies_in(at("a/b/none/deep"), at("a")));
  EXPECT_TRUE(lies_in(at("link/c"), at("a")));
  EXPECT_TRUE(lies_in(at("a/b/c"), at("link")));
  EXPECT_TRUE(lies_in(at("a"), "/"));
  EXPECT_TRUE(lies_in("file://" + at("a/b"), at("ab/../a")));
  EXPECT_TRUE(lies_in(fs::relative(at("a/b")).string(), at("a")));
  EXPECT_FALSE(lies_in(at("ab"), at("a")));
  EXPECT_FALSE(lies_in(at("a"), at("a/b")));
  EXPECT_FALSE(lies_in(at("a"), at("a/")));
}

TEST(PlacesInBuckets, AreComparedByName) {
  EXPECT_TRUE(same_place("s3://b/x", "s3://b/x/"));
  EXPECT_TRUE(same_place("s3://b", "s3://b/"));
  EXPECT_FALSE(same_place("s3://b/x", "gs://b/x"));
  EXPECT_TRUE(lies_in("s3://b/x/y", "s3://b/x"));
  EXPECT_TRUE(lies_in("s3://b/x", "s3://b"));
  EXPECT_FALSE(lies_in("s3://b/xy", "s3://b/x"));
  EXPECT_FALSE(lies_in("s3://bc/x", "s3://b"));
}

TEST_F(Places, ThatAreHardlyEverMeantToBeEmptied) {
  EXPECT_EQ(precious_place("s3://bucket"), "the whole bucket");
  EXPECT_EQ(precious_place("gs://bucket///"), "the whole bucket");
  EXPECT_EQ(precious_place("s3://bucket/x"), "");
  EXPECT_EQ(precious_place("/"), "the root directory");
  EXPECT_EQ(precious_place("/usr/.."), "the root directory");
  const std::string old = getenv("HOME") != nullptr ? getenv("HOME") : "";
  setenv("HOME", at("a/b").c_str(), 1);
  EXPECT_EQ(precious_place(at("link")), "your home directory");
  EXPECT_EQ(precious_place(at("a")), "your home directory");
  setenv("HOME", old.c_str(), 1);
  EXPECT_NE(precious_place("."), "");
  EXPECT_NE(precious_place(".."), "");
  EXPECT_EQ(precious_place(at("a")), "");
}

}  // namespace
}  // namespace oko::storage

#include "oko/storage/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "oko/storage/store.h"

namespace oko::storage {
namespace {

namespace fs = std::filesystem;

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

class IdentityOnDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_identity_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(at("a/b"));
    write(at("a/f"), "x");
    write(at("a/g"), "x");
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string at(const std::string& name) const { return folder_ + "/" + name; }

  std::string folder_;
};

TEST_F(IdentityOnDisk, IsOneForEveryNameOfAFile) {
  fs::create_symlink(at("a/f"), at("link"));
  fs::create_hard_link(at("a/f"), at("hard"));
  fs::create_directory_symlink(at("a"), at("folder"));
  const std::string file = identity(at("a/f"));
  for (const std::string& name :
       {at("a/b/../f"), at("./a//f"), "file://" + at("a/f"), fs::relative(at("a/f")).string(),
        at("link"), at("hard"), at("folder/f")}) {
    EXPECT_EQ(identity(name), file) << name;
  }
  EXPECT_NE(identity(at("a/g")), file);
  EXPECT_EQ(identity(at("a/")), identity(at("folder")));
}

TEST_F(IdentityOnDisk, IsTheNameInItsFolderIfItDoesNotExist) {
  fs::create_directory_symlink(at("a"), at("folder"));
  EXPECT_EQ(identity(at("folder/new/x")), identity(at("a/b/../new/x")));
  EXPECT_NE(identity(at("a/new")), identity(at("a/New")));
  EXPECT_NE(identity(at("a/new")), identity(at("a/b/new")));
}

TEST_F(IdentityOnDisk, IsKnownForEveryFolderAbove) {
  fs::create_directory_symlink(at("a/b"), at("link"));
  EXPECT_THAT(identities_above(at("link/new")), Contains(identity(at("a"))));
  EXPECT_THAT(identities_above(at("a/f")), Contains(identity("/")));
  EXPECT_THAT(identities_above(at("a")), Not(Contains(identity(at("a")))));
}

TEST(IdentityInBuckets, IsTheName) {
  EXPECT_EQ(identity("s3://b/x/"), identity("s3://b/x"));
  EXPECT_NE(identity("s3://b/x"), identity("gs://b/x"));
  EXPECT_NE(identity("s3://b/x"), identity("s3://b/./x"));
  EXPECT_THAT(identities_above("gs://b/x/y"), ElementsAre("gs://b/x", "gs://b"));
}

}  // namespace
}  // namespace oko::storage

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "oko/cli/test_command.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// On disk: buckets have tests of their own (tests/storage).
class StoreCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_store_command_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    setenv("XDG_STATE_HOME", (folder_ + "/state").c_str(), 1);
    storage::write(file("from/a.jpg"), "picture");
    storage::write(file("from/x/b.jpg"), "another");
    storage::write(file("from/x/b.xml"), "<x/>");
  }
  void TearDown() override {
    unsetenv("XDG_STATE_HOME");
    std::filesystem::remove_all(folder_);
  }
  std::string file(const std::string& name) const { return folder_ + "/" + name; }
  Json json_of(std::vector<std::string> words) {
    words.insert(words.begin(), "--json");
    const Outcome outcome = oko_command(words);
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    return Json::parse(outcome.out);
  }

  std::string folder_;
};

TEST_F(StoreCommand, CopiesAFolderOnceAndThenWhatChanged) {
  const std::vector<std::string> words = {"store", "cp", "-r", file("from"), file("to")};
  EXPECT_EQ(json_of(words)["copied"], 3);
  EXPECT_EQ(storage::read_text(file("to/x/b.jpg")), "another");
  EXPECT_EQ(json_of(words)["unchanged"], 3);
  storage::write(file("from/a.jpg"), "PICTURE");
  EXPECT_EQ(json_of(words)["copied"], 1);
}

TEST_F(StoreCommand, SyncDeletesOnlyWhenAskedAndTellsBefore) {
  storage::write(file("to/old"), "x");
  const Json plan = json_of({"store", "sync", file("from"), file("to"), "--delete", "-n"});
  EXPECT_EQ(plan["removed"], 1);
  EXPECT_EQ(plan["files"].size(), 4u);
  EXPECT_TRUE(storage::exists(file("to/old")));
  EXPECT_EQ(json_of({"store", "sync", file("from"), file("to")})["removed"], 0);
  EXPECT_EQ(json_of({"store", "sync", file("from"), file("to"), "--delete"})["removed"], 1);
  EXPECT_FALSE(storage::exists(file("to/old")));
}

TEST_F(StoreCommand, CopiesOneFileIntoAFolderOrUnderAName) {
  EXPECT_EQ(oko_command({"store", "cp", file("from/a.jpg"), file("to/")}).code, 0);
  EXPECT_EQ(oko_command({"store", "cp", file("from/a.jpg"), file("to/c.jpg")}).code, 0);
  EXPECT_EQ(storage::read_text(file("to/a.jpg")), "picture");
  EXPECT_EQ(storage::read_text(file("to/c.jpg")), "picture");
}

TEST_F(StoreCommand, ListsAddsUpAndShows) {
  EXPECT_THAT(oko_command({"store", "ls", file("from")}).out, HasSubstr("from/x/\n"));
  const Json all = json_of({"store", "ls", "-r", file("from"), "--include", "*.jpg"});
  EXPECT_EQ(all["entries"].size(), 2u);
  EXPECT_EQ(json_of({"store", "du", file("from")})["bytes"], 18.0);
  EXPECT_EQ(json_of({"store", "stat", file("from/a.jpg")})["size"], 7);
  EXPECT_EQ(oko_command({"store", "cat", file("from/a.jpg"), "--offset", "3"}).out, "ture");
}

TEST_F(StoreCommand, RemovesFoldersOnlyWhenAsked) {
  EXPECT_EQ(oko_command({"store", "rm", file("from")}).code, 2);
  EXPECT_EQ(oko_command({"store", "rm", "-r", file("from"), "--exclude", "*.xml"}).code, 0);
  EXPECT_FALSE(storage::exists(file("from/a.jpg")));
  EXPECT_TRUE(storage::exists(file("from/x/b.xml")));
}

TEST_F(StoreCommand, TellsWhatIsMissingWithAWayOut) {
  const Outcome outcome = oko_command({"store", "cp", file("none"), file("to/")});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.error, HasSubstr("there is no such file"));
  EXPECT_EQ(oko_command({"store", "cp", file("from"), file("to")}).code, 2) << "without -r";
  EXPECT_EQ(oko_command({"store", "ls", file("none")}).code, 3);
  EXPECT_EQ(oko_command({"store", "ls", "ftp://x/y"}).code, 2);
}

TEST_F(StoreCommand, GoesOnPastAFailureAndEndsWithItsCode) {
  storage::write(file("to/a.jpg/in the way"), "x");
  const Outcome outcome = oko_command({"store", "cp", "-r", file("from"), file("to")});
  EXPECT_THAT(outcome.out, HasSubstr("1 FAILED"));
  EXPECT_NE(outcome.code, 0);
  EXPECT_EQ(storage::read_text(file("to/x/b.jpg")), "another");
}

}  // namespace
}  // namespace oko::cli

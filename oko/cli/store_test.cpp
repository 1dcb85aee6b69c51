#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "oko/cli/test_command.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// On disk: buckets have their own tests (tests/storage).
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

TEST_F(StoreCommand, SyncDeletesOnlyWhenAskedAndListsFirst) {
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

TEST_F(StoreCommand, AsksBeforeSyncOfAnEmptyFolderRemovesAll) {
  std::filesystem::create_directories(file("empty"));
  const std::vector<std::string> words = {"store", "sync", file("empty"), file("from"), "--delete"};
  const Outcome refused = oko_command(words);
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.error, HasSubstr("all 3 in"));
  EXPECT_THAT(refused.error, HasSubstr("--yes"));
  EXPECT_TRUE(storage::exists(file("from/a.jpg")));
  auto agreed = words;
  agreed.push_back("--yes");
  EXPECT_EQ(oko_command(agreed).code, 0);
  EXPECT_FALSE(storage::exists(file("from/a.jpg")));
}

TEST_F(StoreCommand, SyncIntoAFolderAroundTheSourceRemovesNothing) {
  const auto old = std::filesystem::current_path();
  storage::write(file("other"), "x");
  std::filesystem::current_path(folder_);
  EXPECT_EQ(oko_command({"store", "sync", file("from"), ".", "--delete"}).code, 2);
  EXPECT_EQ(oko_command({"store", "sync", "from", folder_, "--delete", "--yes"}).code, 2);
  std::filesystem::current_path(old);
  EXPECT_TRUE(storage::exists(file("from/a.jpg")));
  EXPECT_TRUE(storage::exists(file("other")));
}

TEST_F(StoreCommand, AsksBeforeEmptyingAWorkingFolder) {
  const auto old = std::filesystem::current_path();
  std::filesystem::current_path(file("from"));
  for (const char* folder : {".", "..", "../from"}) {
    const Outcome refused = oko_command({"store", "rm", "-r", folder});
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.error, HasSubstr("3 files would be removed"));
  }
  EXPECT_TRUE(storage::exists("a.jpg"));
  EXPECT_EQ(oko_command({"store", "rm", "-r", ".", "--yes"}).code, 0);
  EXPECT_FALSE(storage::exists("a.jpg"));
  std::filesystem::current_path(old);
}

TEST_F(StoreCommand, RemovesNothingBeforeAllNamesAreKnown) {
  EXPECT_EQ(oko_command({"store", "rm", file("from/a.jpg"), file("none")}).code, 3);
  EXPECT_EQ(oko_command({"store", "rm", "-r", file("from/a.jpg"), "."}).code, 2);
  EXPECT_TRUE(storage::exists(file("from/a.jpg")));
}

TEST_F(StoreCommand, SaysWhereToLookForWhatIsMissing) {
  EXPECT_THAT(oko_command({"store", "ls", "nothere"}).error, HasSubstr("oko store ls .\n"));
  EXPECT_THAT(oko_command({"store", "stat", file("none")}).error,
              HasSubstr("oko store ls " + folder_ + "\n"));
}

TEST_F(StoreCommand, CopiesNoFolderOntoAFile) {
  const Outcome outcome = oko_command({"store", "cp", "-r", file("from"), file("from/a.jpg")});
  EXPECT_EQ(outcome.code, 2);
  storage::write(file("other"), "x");
  const Outcome other = oko_command({"store", "cp", "-r", file("from"), file("other")});
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.error, HasSubstr("is a file, and a folder is copied to it"));
  EXPECT_EQ(storage::read_text(file("other")), "x");
}

TEST_F(StoreCommand, RemovesNothingThroughALink) {
  storage::write(file("elsewhere/b"), "x");
  std::filesystem::create_directory_symlink(file("elsewhere"), file("from/link"));
  const Outcome outcome = oko_command({"store", "rm", "-r", file("from")});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("kept 1 file in linked folders"));
  EXPECT_TRUE(storage::exists(file("elsewhere/b")));
  EXPECT_FALSE(storage::exists(file("from/a.jpg")));
}

TEST_F(StoreCommand, PrintsWhatListingSkips) {
  ASSERT_EQ(::mkfifo(file("from/pipe").c_str(), 0644), 0);
  const Outcome listed = oko_command({"store", "ls", "-r", file("from")});
  EXPECT_EQ(listed.code, 0);
  EXPECT_THAT(listed.error, HasSubstr("from/pipe: is a named pipe"));
  EXPECT_EQ(oko_command({"store", "cat", file("from/pipe")}).code, 3);
  const Outcome copied = oko_command({"store", "cp", "-r", file("from"), file("to")});
  EXPECT_EQ(copied.code, 0);
  EXPECT_THAT(copied.error, HasSubstr("from/pipe: is a named pipe"));
}

TEST_F(StoreCommand, AddsUpToTheLastCharacter) {
  const std::string out = oko_command({"store", "du", file("from/a.jpg")}).out;
  EXPECT_TRUE(out.ends_with("7 B\n")) << out;
}

// Runs `work` with another descriptor in place of a standard stream.
void with_stream(int stream, int replacement, const std::function<void()>& work) {
  const int old = ::dup(stream);
  ::dup2(replacement, stream);
  work();
  ::dup2(old, stream);
  ::close(old);
}

TEST_F(StoreCommand, FailsIfStandardInputCannotBeRead) {
  const int folder = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY);  // reading it is an error
  with_stream(STDIN_FILENO, folder, [&] {
    const Outcome outcome = oko_command({"store", "cp", "-", file("to/x")});
    EXPECT_EQ(outcome.code, 4);
    EXPECT_THAT(outcome.error, HasSubstr("standard input: cannot read"));
  });
  ::close(folder);
  EXPECT_FALSE(storage::exists(file("to/x")));
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_EQ(::write(ends[1], "all", 3), 3);
  ::close(ends[1]);
  with_stream(STDIN_FILENO, ends[0], [&] {
    EXPECT_EQ(oko_command({"store", "cp", "-", file("to/x")}).code, 0);
  });
  ::close(ends[0]);
  EXPECT_EQ(storage::read_text(file("to/x")), "all");
}

// The words as main() would pass them, with the real standard output.
int plain_command(std::vector<std::string> words) {
  words.insert(words.begin(), "oko");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return run_oko(static_cast<int>(argv.size()), argv.data(), add_all_commands);
}

TEST_F(StoreCommand, CatEndsWhenTheReaderIsGone) {
  storage::write(file("big"), std::string(std::size_t{8} << 20, 'x'));
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ::close(ends[0]);
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"store", "cat", file("big"), file("none")},
        {"store", "cp", file("big"), "-"}}) {
    ::testing::internal::CaptureStderr();
    int code = 0;
    with_stream(STDOUT_FILENO, ends[1], [&] { code = plain_command(words); });
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    EXPECT_EQ(code, 4);
  }
  ::close(ends[1]);
}

TEST_F(StoreCommand, ReportsWhatIsMissingWithAHint) {
  const Outcome outcome = oko_command({"store", "cp", file("none"), file("to/")});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.error, HasSubstr("no such file"));
  EXPECT_EQ(oko_command({"store", "cp", file("from"), file("to")}).code, 2) << "without -r";
  EXPECT_EQ(oko_command({"store", "ls", file("none")}).code, 3);
  EXPECT_EQ(oko_command({"store", "ls", "ftp://x/y"}).code, 2);
}

TEST_F(StoreCommand, ContinuesAfterAFailureAndReturnsItsCode) {
  storage::write(file("to/a.jpg/in the way"), "x");
  const Outcome outcome = oko_command({"store", "cp", "-r", file("from"), file("to")});
  EXPECT_THAT(outcome.out, HasSubstr("1 FAILED"));
  EXPECT_NE(outcome.code, 0);
  EXPECT_EQ(storage::read_text(file("to/x/b.jpg")), "another");
}

}  // namespace
}  // namespace oko::cli

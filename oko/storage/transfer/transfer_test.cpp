#include "oko/storage/transfer/transfer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "oko/base/json.h"
#include "oko/storage/test_noise.h"
#include "oko/storage/transfer/manifest.h"

namespace oko::storage {
namespace {

using ::testing::HasSubstr;

// Between local folders; buckets have their own tests with servers.
class Transfers : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "oko_transfer_" + test->name();
    std::filesystem::remove_all(folder_);
    from_ = folder_ + "/from";
    to_ = folder_ + "/to";
    options_.manifest = folder_ + "/manifest.jsonl";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void make_tree() {
    for (int i = 0; i < 40; ++i) {
      write(from_ + "/a/f" + std::to_string(i) + ".bin", noise(1000 + 37 * i, i));
    }
    write(from_ + "/b/c/empty", "");
    write(from_ + "/b/c/big.bin", noise(5 << 20, 99));
  }
  std::set<std::string> names_in(const std::string& folder) {
    std::set<std::string> names;
    for (const Entry& entry : list(folder, true)) names.insert(entry.uri.substr(folder.size() + 1));
    return names;
  }
  void expect_equal_folders() {
    EXPECT_EQ(names_in(from_), names_in(to_));
    for (const std::string& name : names_in(from_)) {
      EXPECT_EQ(read_text(from_ + "/" + name), read_text(to_ + "/" + name)) << name;
    }
  }
  TransferSummary run() { return transfer_folder(from_, to_, options_, progress_); }

  std::string folder_, from_, to_;
  TransferOptions options_;
  NoProgress progress_;
};

TEST_F(Transfers, CopiesAFolderAndThenOnlyWhatChanged) {
  make_tree();
  options_.part_size = 1 << 20;
  TransferSummary summary = run();
  EXPECT_EQ(summary.copied, 42u);
  EXPECT_EQ(summary.failed, 0u);
  expect_equal_folders();

  write(from_ + "/a/f3.bin", noise(1111, 1234));  // the same size, different content
  write(to_ + "/extra", "x");
  summary = run();
  EXPECT_EQ(summary.copied, 1u);
  EXPECT_EQ(summary.unchanged, 41u);
  EXPECT_EQ(summary.removed, 0u);

  options_.remove_extra = true;
  EXPECT_EQ(run().removed, 1u);
  expect_equal_folders();
}

TEST_F(Transfers, WithoutAManifestContentsAreCompared) {
  make_tree();
  options_.manifest.clear();
  run();
  write(from_ + "/a/f3.bin", noise(1111, 1234));
  const TransferSummary summary = run();
  EXPECT_EQ(summary.copied, 1u);
  EXPECT_EQ(summary.unchanged, 41u);
  expect_equal_folders();
}

TEST_F(Transfers, ReportADryRunAndDoNothing) {
  make_tree();
  write(to_ + "/extra", "x");
  options_.dry_run = options_.remove_extra = true;
  std::vector<TransferAction> actions;
  options_.report = [&](const TransferAction& action) { actions.push_back(action); };
  const TransferSummary summary = run();
  EXPECT_EQ(summary.copied, 42u);
  EXPECT_EQ(summary.removed, 1u);
  EXPECT_EQ(actions.size(), 43u);
  EXPECT_EQ(names_in(to_), std::set<std::string>{"extra"});
}

TEST_F(Transfers, IgnoreFilteredNamesAtBothEnds) {
  make_tree();
  write(to_ + "/kept.txt", "x");
  options_.filter = {{"*.bin"}, {"b/"}};
  options_.remove_extra = true;
  EXPECT_EQ(run().copied, 40u);
  EXPECT_TRUE(exists(to_ + "/kept.txt"));
  EXPECT_FALSE(exists(to_ + "/b/c/big.bin"));
}

TEST_F(Transfers, AnInterruptedOneResumesWithItsParts) {
  write(from_ + "/big.bin", noise(40 << 20, 7));
  options_.part_size = 1 << 20;
  options_.connections = 1;
  int asked = 0;
  options_.interrupted = [&] { return ++asked > 0; };
  try {
    run();
    GTEST_SKIP() << "the disk was faster than the interruption";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInterrupted);
  }
  // A fast disk may have finished the file before the interruption; there is never a partial one.
  const bool ended = exists(to_ + "/big.bin");
  if (ended) {
    EXPECT_EQ(read_text(from_ + "/big.bin"), read_text(to_ + "/big.bin"));
  }
  options_.interrupted = nullptr;
  EXPECT_EQ(run().copied, ended ? 0u : 1u);
  EXPECT_EQ(read_text(from_ + "/big.bin"), read_text(to_ + "/big.bin"));
}

TEST_F(Transfers, RejectNestedFolders) {
  make_tree();
  EXPECT_THROW(transfer_folder(from_, from_ + "/a", options_, progress_), Error);
  EXPECT_THROW(transfer_folder(from_, from_, options_, progress_), Error);
  try {
    transfer_folder(folder_ + "/none", to_, options_, progress_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
  }
}

TEST_F(Transfers, RejectNestedFoldersHoweverTheyAreSpelled) {
  namespace fs = std::filesystem;
  make_tree();
  write(folder_ + "/other", "x");
  fs::create_directory_symlink(from_, folder_ + "/link");
  const fs::path old = fs::current_path();
  fs::current_path(folder_);
  options_.remove_extra = true;
  const std::pair<std::string, std::string> pairs[] = {
      {from_, "."},          {"from", folder_},           {folder_ + "/a/../from", folder_ + "/"},
      {"link", "from"},      {"link", folder_ + "/x/.."}, {"file://" + from_, folder_},
      {folder_, "from/new"}, {folder_, "link/new/deep"}};
  for (const auto& [from, to] : pairs) {
    EXPECT_THROW(transfer_folder(from, to, options_, progress_), Error) << from << " to " << to;
  }
  fs::current_path(old);
  EXPECT_EQ(names_in(from_).size(), 42u);
  EXPECT_TRUE(exists(folder_ + "/other"));
}

TEST_F(Transfers, RejectLinksFromOneFolderIntoTheOther) {
  namespace fs = std::filesystem;
  make_tree();
  write(to_ + "/old", "x");
  options_.remove_extra = true;
  fs::create_directory_symlink(to_, from_ + "/link");  // --delete would remove what the link shows
  EXPECT_THROW(run(), Error);
  EXPECT_TRUE(exists(to_ + "/old"));
  fs::remove(from_ + "/link");
  write(from_ + "/link/one", "new");
  write(from_ + "/one", "kept");
  fs::create_directory_symlink(from_, to_ + "/link");  // link/one would be written over one
  EXPECT_THROW(run(), Error);
  EXPECT_EQ(read_text(from_ + "/one"), "kept");
}

TEST_F(Transfers, AskBeforeAnEmptySourceEmptiesTheDestination) {
  std::filesystem::create_directories(from_);
  write(to_ + "/a", "x");
  write(to_ + "/b", "x");
  options_.remove_extra = true;
  EXPECT_THROW(run(), Error);
  EXPECT_EQ(names_in(to_).size(), 2u);
  std::uint64_t asked = 0;
  options_.may_empty = [&](std::uint64_t files) {
    asked = files;
    return false;
  };
  EXPECT_THROW(run(), Error);
  EXPECT_EQ(asked, 2u);
  EXPECT_EQ(names_in(to_).size(), 2u);
  options_.may_empty = [](std::uint64_t) { return true; };
  EXPECT_EQ(run().removed, 2u);
}

TEST_F(Transfers, AskBeforeAMissingSourceEmptiesTheDestination) {
  options_.remove_extra = true;
  EXPECT_THROW(run(), Error);  // neither exists
  write(to_ + "/a", "x");
  try {
    run();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_EQ(error.message(), "no such folder, so all 1 in " + to_ + " would be removed");
  }
  EXPECT_TRUE(exists(to_ + "/a"));
  options_.may_empty = [](std::uint64_t) { return true; };
  EXPECT_EQ(run().removed, 1u);
}

TEST_F(Transfers, RemoveNothingThroughLinks) {
  make_tree();
  write(folder_ + "/elsewhere/precious", "x");
  write(to_ + "/old", "x");
  std::filesystem::create_directory_symlink(folder_ + "/elsewhere", to_ + "/link");
  options_.remove_extra = true;
  const TransferSummary summary = run();
  EXPECT_EQ(summary.removed, 1u);
  EXPECT_EQ(summary.linked_kept, 1u);
  EXPECT_TRUE(exists(folder_ + "/elsewhere/precious"));
}

TEST_F(Transfers, RemoveNothingIfTheSourceHasABrokenLink) {
  make_tree();
  write(to_ + "/disk/a", "backup");
  std::filesystem::create_directory_symlink("/not/mounted", from_ + "/disk");
  options_.remove_extra = true;
  const TransferSummary summary = run();
  EXPECT_EQ(summary.copied, 42u);
  EXPECT_EQ(summary.removed, 0u);
  ASSERT_EQ(summary.skipped.size(), 1u);
  EXPECT_EQ(summary.skipped[0].uri, from_ + "/disk");
  EXPECT_TRUE(exists(to_ + "/disk/a"));
}

TEST_F(Transfers, RejectCopyingAFileToItselfOrTwoToOneName) {
  write(from_ + "/a", "one");
  write(from_ + "/x/a", "two");
  std::filesystem::create_symlink("a", from_ + "/link");
  const auto expect_refused = [&](std::vector<TransferPair> files) {
    EXPECT_THROW(transfer_files(files, options_, progress_), Error) << files.back().from;
  };
  expect_refused({{from_ + "/a", from_ + "/a"}});
  expect_refused({{from_ + "/a", from_ + "/x/../a"}});
  expect_refused({{from_ + "/a", from_ + "/link"}});
  expect_refused({{from_ + "/a", to_ + "/a"}, {from_ + "/x/a", to_ + "/a"}});
  EXPECT_EQ(read_text(from_ + "/a"), "one");
  EXPECT_FALSE(exists(to_));
}

TEST_F(Transfers, StartOverIfTheManifestNamesAnotherFile) {
  write(from_ + "/big.bin", noise(5 << 20, 7));
  write(folder_ + "/victim", "precious");
  options_.part_size = 1 << 20;
  const std::string version = stat(from_ + "/big.bin")->version;
  const auto remember = [&](const std::string& token) {
    const Json line = {{"begun", "big.bin"}, {"from", version}, {"token", token}};
    write(options_.manifest, line.dump() + "\n");
  };
  auto parts = store_for(folder_).upload_parts(folder_ + "/victim", 5 << 20);
  for (const std::string& token : {parts->token(), std::string("{}"), std::string("nonsense")}) {
    std::filesystem::remove_all(to_);
    remember(token);
    EXPECT_EQ(run().copied, 1u);
    EXPECT_EQ(read_text(folder_ + "/victim"), "precious");
    EXPECT_EQ(read_text(to_ + "/big.bin"), read_text(from_ + "/big.bin"));
  }
}

TEST_F(Transfers, ContinueAfterAFileThatCannotBeWritten) {
  make_tree();
  write(to_ + "/b/c/empty/in the way", "x");  // a folder where a file belongs
  const TransferSummary summary = run();
  EXPECT_EQ(summary.copied, 41u);
  EXPECT_EQ(summary.failed, 1u);
  ASSERT_EQ(summary.errors.size(), 1u);
}

TEST_F(Transfers, RemoveNothingIfSomethingFailed) {
  make_tree();
  write(to_ + "/b/c/empty/in the way", "x");
  write(to_ + "/extra", "x");
  options_.remove_extra = true;
  EXPECT_EQ(run().removed, 0u);
  EXPECT_TRUE(exists(to_ + "/extra"));
}

TEST_F(Transfers, AManifestWithInvalidLinesIsStillUseful) {
  make_tree();
  run();
  std::string text = read_text(options_.manifest);
  for (int i = 0; i < 2000; ++i) text += "{\"done\": 1, \"from\": {}, \"to\": []}\n";
  text += "{\"begun\": \"x\", \"from\": \"v\", \"token\": \"t\"}\n";
  text += "{\"part\": -1, \"of\": \"x\", \"crc32c\": 1, \"md5\": \"00\"}\n";
  text += "{\"part\": 1, \"of\": \"x\", \"crc32c\": 1, \"md5\": \"00\"}\n";
  write(options_.manifest, text);
  const Manifest manifest(options_.manifest, from_, to_);
  EXPECT_TRUE(manifest.begun("x", "v")->parts.empty());
  EXPECT_LT(read_text(options_.manifest).size(), text.size() / 2);
  EXPECT_EQ(run().unchanged, 42u);
}

TEST_F(Transfers, ATruncatedManifestIsStillUseful) {
  make_tree();
  run();
  std::string text = read_text(options_.manifest);
  EXPECT_THAT(text, HasSubstr("a/f39.bin"));
  write(options_.manifest, text.substr(0, text.size() / 2) + "\n{\"part\": \"nonsense\"}\n{]\n");
  EXPECT_EQ(run().unchanged, 42u);
}

}  // namespace
}  // namespace oko::storage

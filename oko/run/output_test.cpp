#include "oko/run/output.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "oko/base/error.h"
#include "oko/dataset/test_data.h"
#include "oko/storage/store.h"

namespace oko::run {
namespace {

ErrorCode code_of(const std::string& uri) {
  try {
    check_output(uri);
  } catch (const Error& e) {
    return e.code();
  }
  return ErrorCode{0};
}

TEST(CheckOutput, RejectsFoldersAndFilesInThePathAndLeavesNothingBehind) {
  const dataset::ScratchFolder folder;
  storage::write(folder / "file", "x");
  std::filesystem::create_directory(folder / "sub");
  EXPECT_EQ(code_of(folder / "sub"), ErrorCode::kUsage);
  EXPECT_EQ(code_of(folder / "file/report.html"), ErrorCode::kStorage);
  EXPECT_EQ(code_of(folder / "new/deep/report.html"), ErrorCode{0});
  EXPECT_EQ(code_of(folder / "file"), ErrorCode{0});
  EXPECT_FALSE(storage::exists(folder / "new"));
}

TEST(CheckRoom, UsesTheFreeSpaceOfTheDisk) {
  const dataset::ScratchFolder folder;
  EXPECT_NO_THROW(check_room(folder / "runs/1", 1));
  EXPECT_THROW(check_room(folder / "runs/1", std::uint64_t{1} << 62), Error);
}

TEST(IsUtf8, DetectsInvalidBytes) {
  EXPECT_TRUE(is_utf8("caf\xc3\xa9"));
  EXPECT_FALSE(is_utf8("caf\xe9"));
}

}  // namespace
}  // namespace oko::run

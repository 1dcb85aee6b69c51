#include "oko/run/owner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "oko/base/error.h"
#include "oko/run/run.h"
#include "oko/storage/store.h"

namespace oko::run {
namespace {

using ::testing::HasSubstr;

class RunOwner : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  const std::string folder_ = ::testing::TempDir() + "oko_run_owner";
};

TEST_F(RunOwner, StaysWhileNobodyElseClaimsTheFolder) {
  Owner owner(folder_);
  for (int i = 0; i < 3; ++i) EXPECT_NO_THROW(owner.check());
}

TEST_F(RunOwner, LastClaimWinsAndTheOtherProcessIsStopped) {
  Owner first(folder_), second(folder_);
  EXPECT_NO_THROW(second.check());
  try {
    first.check();
    FAIL() << "two owners";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailed);
    EXPECT_EQ(error.place(), folder_);
    EXPECT_THAT(error.message(), HasSubstr("process " + std::to_string(::getpid()) + " on "));
    EXPECT_THAT(error.hint(), HasSubstr("--out"));
  }
  EXPECT_NO_THROW(second.check());
}

TEST_F(RunOwner, IsNotStoppedByAMissingOrRewrittenFile) {
  Owner owner(folder_);
  const std::string uri = Paths{folder_}.owner(), claim = storage::read_text(uri);
  storage::write(uri, claim);
  EXPECT_NO_THROW(owner.check());
  storage::remove(uri);
  EXPECT_NO_THROW(owner.check());
}

TEST_F(RunOwner, ReportsAnUnreadableFile) {
  Owner owner(folder_);
  storage::write(Paths{folder_}.owner(), std::string("mine!"));
  EXPECT_THROW(owner.check(), Error);
}

}  // namespace
}  // namespace oko::run

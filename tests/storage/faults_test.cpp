#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "oko/storage/gcs/gcs.h"
#include "oko/storage/store.h"
#include "oko/storage/test_noise.h"
#include "oko/storage/transfer/compare.h"
#include "oko/storage/transfer/transfer.h"
#include "tests/storage/fault_proxy.h"
#include "tests/storage/gcs_server.h"

namespace oko::testing {
namespace {

using namespace std::chrono_literals;
using storage::noise;
using storage::TransferOptions;
using storage::TransferSummary;

// The store gs:// is our client, through the proxy, with short-lived tokens.
class GoogleBehindFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_faults_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override {
    storage::use_store("gs", nullptr);
    std::filesystem::remove_all(folder_);
  }

  void start(double chance, const std::vector<Fault>& faults = {}) {
    GcsOptions server;
    server.page = 23;
    server.need_token = true;
    server.token_calls = 60;
    server.lose_session = 2;
    server_ = std::make_unique<GcsServer>(server);
    FaultOptions faulty;
    faulty.to = server_->port();
    faulty.chance = chance;
    faulty.faults = faults;
    faulty.stall_seconds = 20;
    faulty.retry_after = 0;
    proxy_ = std::make_unique<FaultProxy>(faulty);
    storage::GcsOptions client;
    client.endpoint = "http://127.0.0.1:" + std::to_string(proxy_->port());
    client.project = "p";
    client.retry.first = 10ms;
    client.retry.longest = 100ms;
    client.retry.budget = 60s;
    client.retry.budget_of_strangers = 60s;
    client.timeouts.stall = 2s;
    const std::string metadata = "127.0.0.1:" + std::to_string(server_->port());
    client.environment = [metadata, this](const char* name) -> std::string {
      if (std::string(name) == "GCE_METADATA_HOST") return metadata;
      return std::string(name) == "HOME" ? folder_ : "";
    };
    storage::use_store("gs", storage::make_gcs_store(client));
    storage::store_for("gs://oko-faults").make_bucket("gs://oko-faults");
  }
  void expect_equal_folders(const std::string& a, const std::string& b) {
    const auto there = storage::list(a, true), here = storage::list(b, true);
    ASSERT_EQ(there.size(), here.size());
    for (std::size_t i = 0; i < there.size(); ++i) {
      EXPECT_EQ(there[i].uri.substr(a.size()), here[i].uri.substr(b.size()));
      EXPECT_EQ(storage::read_text(there[i].uri), storage::read_text(here[i].uri));
    }
  }

  std::string folder_;
  std::unique_ptr<GcsServer> server_;
  std::unique_ptr<FaultProxy> proxy_;
  NoProgress progress_;
};

TEST_F(GoogleBehindFaults, NothingIsLostOrCorrupt) {
  start(.1);
  const std::string from = folder_ + "/from", back = folder_ + "/back";
  for (int i = 0; i < 60; ++i) {
    storage::write(
        from + "/d" + std::to_string(i % 3) + "/f" + std::to_string(i),
        noise(static_cast<std::size_t>(i * 7919 % 60000), static_cast<std::uint64_t>(i)));
  }
  storage::write(from + "/big", noise(3 << 20, 1000));
  TransferOptions options;
  options.part_size = 1 << 20;
  TransferSummary summary = storage::transfer_folder(from, "gs://oko-faults/t", options, progress_);
  EXPECT_EQ(summary.copied, 61u);
  for (const Error& error : summary.errors) ADD_FAILURE() << error.what();
  summary = storage::transfer_folder("gs://oko-faults/t", back, options, progress_);
  EXPECT_EQ(summary.copied, 61u);
  for (const Error& error : summary.errors) ADD_FAILURE() << error.what();
  expect_equal_folders(from, back);
  EXPECT_EQ(storage::transfer_folder(from, "gs://oko-faults/t", options, progress_).unchanged, 61u);
  std::uint64_t injected = 0;
  for (const auto& [name, count] : proxy_->counts()) {
    RecordProperty(name, std::to_string(count));
    if (name != "requests") injected += count;
  }
  EXPECT_GT(injected, 10u);
}

TEST_F(GoogleBehindFaults, BytesCorruptedInTransitAreDetected) {
  start(.5, {Fault::kFlipReply, Fault::kFlipRequest});
  const std::string content = noise(500'000, 5);
  storage::write("gs://oko-faults/x", content);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(storage::read_text("gs://oko-faults/x"), content);
  EXPECT_GT(proxy_->counts()["flip-reply"] + proxy_->counts()["flip-request"], 2u);
}

TEST_F(GoogleBehindFaults, NamesPointingOutsideAFolderAreNotWritten) {
  start(0);
  storage::write("gs://oko-faults/t/good", "x");
  storage::write("gs://oko-faults/t/a/../../../bad", "x");
  const TransferSummary summary =
      storage::transfer_folder("gs://oko-faults/t", folder_ + "/x/y", {}, progress_);
  EXPECT_EQ(summary.copied, 1u);
  EXPECT_EQ(summary.failed, 1u);
  EXPECT_FALSE(storage::exists(folder_ + "/bad"));
}

TEST_F(GoogleBehindFaults, CopiesWithinTheStoreAndRemovesWhatIsExtra) {
  start(.05);
  for (int i = 0; i < 30; ++i) {
    storage::write("gs://oko-faults/a/f" + std::to_string(i),
                   noise(1000, static_cast<std::uint64_t>(i)));
  }
  storage::write("gs://oko-faults/b/extra", "x");
  TransferOptions options;
  options.remove_extra = true;
  const TransferSummary summary =
      storage::transfer_folder("gs://oko-faults/a", "gs://oko-faults/b", options, progress_);
  EXPECT_EQ(summary.copied, 30u);
  EXPECT_EQ(summary.removed, 1u);
  expect_equal_folders("gs://oko-faults/a", "gs://oko-faults/b");
}

TEST_F(GoogleBehindFaults, InterruptionEndsAListThatHangs) {
  start(0);
  storage::write("gs://oko-faults/t/x", "x");
  storage::use_store("gs", nullptr);
  FaultOptions silent;
  silent.to = server_->port();
  silent.chance = 1;
  silent.faults = {Fault::kStall};
  silent.stall_seconds = 600;
  const FaultProxy proxy(silent);
  storage::GcsOptions client;
  client.endpoint = "http://127.0.0.1:" + std::to_string(proxy.port());
  client.anonymous = true;
  storage::use_store("gs", storage::make_gcs_store(client));
  TransferOptions options;
  options.interrupted = [&] { return proxy.counts().at("requests") > 0; };
  try {
    storage::transfer_folder("gs://oko-faults/t", folder_ + "/x", options, progress_);
    ADD_FAILURE() << "not interrupted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInterrupted);
  }
}

TEST(Compare, GuessesHowAnObjectWasCut) {
  constexpr std::uint64_t kMiB = 1 << 20;
  storage::Entry entry;
  entry.uri = "s3://b/x";
  entry.size = 100 * kMiB;
  entry.version = "9b2cf535f27731c974343645a3985328-13";
  EXPECT_EQ(storage::parts_in_etag(entry), 13);
  EXPECT_EQ(storage::guess_part_size(entry.size, 13, 16 * kMiB), 8 * kMiB);
  EXPECT_EQ(storage::guess_part_size(entry.size, 7, 16 * kMiB), 16 * kMiB);
  EXPECT_EQ(storage::guess_part_size(entry.size, 2, 16 * kMiB), std::nullopt);
  // s3cmd's 15 MiB give as many parts of 40 MB as 16 MiB do: either may be it.
  EXPECT_THAT(storage::likely_part_sizes(40'000'000, 3),
              ::testing::ElementsAre(16 * kMiB, 15 * kMiB));
  EXPECT_THAT(storage::likely_part_sizes(60 * kMiB, 5),
              ::testing::ElementsAre(12 * kMiB, 13 * kMiB, 14 * kMiB));
  entry.version = "9b2cf535f27731c974343645a3985328";
  EXPECT_EQ(storage::parts_in_etag(entry), 0);
  EXPECT_EQ(storage::likely_md5(entry), entry.version);
}

}  // namespace
}  // namespace oko::testing

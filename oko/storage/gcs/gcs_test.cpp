#include "oko/storage/gcs/gcs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "oko/base/json.h"
#include "oko/storage/bucket/test_environment.h"
#include "oko/storage/bucket/test_store_contract.h"
#include "tests/storage/gcs_server.h"

// Against the strict server of tests/storage, which gcloud, rclone and Google's client for Node
// have tested.
namespace oko::storage {
namespace {

using bucket::environment_of;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

GcsOptions options_for(int port) {
  GcsOptions options =
      gcs_options(environment_of({{"STORAGE_EMULATOR_HOST", "127.0.0.1:" + std::to_string(port)}}));
  hurry(options);
  return options;
}

constexpr std::size_t kMiB = 1 << 20;

class Gcs : public StoreContract {
 protected:
  void SetUp() override { start({}); }
  void start(const oko::testing::GcsOptions& options) {
    store_.reset();
    server_ = std::make_unique<oko::testing::GcsServer>(options);
    use(make_gcs_store(options_for(server_->port())), "gs://oko-test");
  }
  std::unique_ptr<oko::testing::GcsServer> server_;
};

TEST_F(Gcs, WritesReadsAndDescribes) { writes_reads_and_describes(); }
TEST_F(Gcs, ReadsRangesOfVersions) { reads_ranges_of_versions(); }
TEST_F(Gcs, ReadsRangesOfNothing) { reads_ranges_of_nothing(); }
TEST_F(Gcs, ObeysPreconditions) { obeys_preconditions(); }
TEST_F(Gcs, ListsByPagePrefixAndFolder) { lists_by_page_prefix_and_folder(); }
TEST_F(Gcs, ListsMoreThanAPage) {
  oko::testing::GcsOptions options;
  options.page = 10;
  start(options);
  lists_more_than_a_page(101);
}
TEST_F(Gcs, StreamsAnUpload) { streams_an_upload(40 * kMiB); }
TEST_F(Gcs, StreamsASmallUpload) { streams_an_upload(3); }
TEST_F(Gcs, StreamsAnUploadOfWholeChunks) { streams_an_upload(32 * kMiB); }
TEST_F(Gcs, WritesPartsAndResumes) { writes_parts_and_goes_on(300'000); }
TEST_F(Gcs, AppendsWithoutLosingALine) { appends_without_losing_a_line(4); }
TEST_F(Gcs, AppendsByThreeRequests) { appends_by(3); }
TEST_F(Gcs, CopiesComposesAndRemoves) { copies_composes_and_removes(1000); }
TEST_F(Gcs, FailsWithAHint) { refuses_with_a_hint(); }

TEST_F(Gcs, ComposesMorePartsThanOneRequestTakes) {
  const std::string content = noise(70 * 1000 + 5);
  PartOptions options;
  options.part_size = 1000;
  auto parts = store_->upload_parts(name("many"), content.size(), options);
  ASSERT_EQ(parts->part_count(), 71);
  for (int i = 0; i < 71; ++i) {
    const auto from = static_cast<std::size_t>(i) * 1000;
    parts->write(
        i, bytes_of(content).subspan(from, std::min<std::size_t>(1000, content.size() - from)));
  }
  parts->finish();
  EXPECT_TRUE(get("many") == content);
  EXPECT_TRUE(store_->list_page(name(".oko-parts/"), true, {}).entries.empty());
  EXPECT_EQ(code_of([&] { store_->compose(std::vector<Uri>(33, name("many")), name("x")); }),
            ErrorCode::kUsage);
}

TEST_F(Gcs, ContinuesALongRewrite) {
  oko::testing::GcsOptions options;
  options.rewrite_step = 1000;
  start(options);
  const std::string content = noise(4500);
  put("a", content);
  EXPECT_EQ(store_->copy(name("a"), name("b"), Precondition::absent()).size, content.size());
  EXPECT_TRUE(get("b") == content);
}

TEST_F(Gcs, RestartsWhenASessionIsLost) {
  oko::testing::GcsOptions options;
  options.lose_session = 2;
  start(options);
  const std::string content = noise(17 * kMiB);
  for (const char* key : {"a", "b", "c"}) {
    put(key, content, Precondition::absent());
    EXPECT_TRUE(get(key) == content);
  }
  // A stream's start cannot be sent again: the error says so and nothing is left.
  int lost = 0;
  for (int i = 0; i < 2; ++i) {
    auto upload = store_->upload(name("s"));
    try {
      upload->write(bytes_of(content));
      upload->write(bytes_of(content));
      upload->finish();
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr("write the file again"));
      ++lost;
    }
  }
  EXPECT_EQ(lost, 1);
  EXPECT_TRUE(get("s") == content + content);
}

TEST_F(Gcs, CreatesBucketsAsRequested) {
  BucketOptions options;
  options.location = "europe-west4";
  options.storage_class = "NEARLINE";
  store_->make_bucket("gs://oko-other", options);
  options.storage_class = "FAST";
  EXPECT_EQ(code_of([&] { store_->make_bucket("gs://oko-third", options); }), ErrorCode::kStorage);
  EXPECT_THAT(last_error_, HasSubstr("storage class"));
}

TEST_F(Gcs, RequestsANewTokenWhenOneHasExpired) {
  oko::testing::GcsOptions strict;
  strict.need_token = true;
  strict.token_calls = 3;
  server_ = std::make_unique<oko::testing::GcsServer>(strict);
  GcsOptions options = options_for(server_->port());
  options.anonymous = false;
  options.environment =
      environment_of({{"GCE_METADATA_HOST", "127.0.0.1:" + std::to_string(server_->port())}});
  const auto refreshed = http::counters().refreshed.load();
  use(make_gcs_store(options), "gs://oko-test");
  for (int i = 0; i < 10; ++i) put(std::to_string(i), "x");
  EXPECT_EQ(store_->list(bucket_, true).size(), 10u);
  EXPECT_GE(http::counters().refreshed - refreshed, 2u);
  options.anonymous = true;
  EXPECT_EQ(code_of([&] { make_gcs_store(options)->read(name("0")); }), ErrorCode::kStorage);
  EXPECT_THAT(last_error_, HasSubstr("requests are sent without credentials"));
}

TEST_F(Gcs, RevealsNoSecret) {
  std::string told;
  std::mutex mutex;
  http::set_log([&](std::string_view line) {
    const std::lock_guard lock(mutex);
    told += std::string(line) + "\n";
  });
  oko::testing::GcsOptions strict;
  strict.need_token = true;
  strict.token_calls = 2;
  oko::testing::GcsServer server(strict);
  GcsOptions options = options_for(server.port());
  options.anonymous = false;
  options.retry.budget = 100ms;
  const std::string file = ::testing::TempDir() + "oko_gcs_secret.json";
  const Json account = {
      {"type", "authorized_user"},
      {"client_id", "SECRET-1"},
      {"client_secret", "SECRET-2"},
      {"refresh_token", "SECRET-3"},
      {"token_uri", "http://127.0.0.1:" + std::to_string(server.port()) + "/token"}};
  storage::write(file, account.dump());
  options.environment = environment_of({{"GOOGLE_APPLICATION_CREDENTIALS", file}});
  const auto store = make_gcs_store(options);
  store->make_bucket("gs://oko-test");
  store->write(name("big"), bytes_of(noise(17 * kMiB)));  // by a session, whose name is a secret
  for (const auto& work : std::vector<std::function<void()>>{
           [&] { store->read(name("a")); }, [&] { store->list("gs://none/x", true); },
           [&] { store->write("gs://none/x", bytes_of("x")); }}) {
    code_of(work);
    told += last_error_ + "\n";
  }
  storage::write(file, "{\"type\":\"SECRET-4\"}");
  code_of([&] { make_gcs_store(options)->read(name("a")); });
  told += last_error_ + "\n";
  http::set_log(nullptr);
  storage::remove(file);
  EXPECT_THAT(told, HasSubstr("uploadType=resumable"));
  for (const char* secret : {"SECRET", "Bearer", "ya29", "session-"}) {
    EXPECT_THAT(told, Not(HasSubstr(secret)));
  }
}

class GcsFaults : public Gcs, public ::testing::WithParamInterface<oko::testing::Fault> {};

TEST_P(GcsFaults, LosesAndBreaksNothing) {
  loses_and_breaks_nothing(GetParam(), server_->port(), 17 * kMiB, options_for(server_->port()),
                           make_gcs_store);
}
INSTANTIATE_TEST_SUITE_P(Each, GcsFaults, each_fault(), name_of_fault);

TEST(GcsOptions, ComeFromVariables) {
  const auto options = gcs_options(environment_of(
      {{"STORAGE_EMULATOR_HOST", "http://localhost:4443/"}, {"GOOGLE_CLOUD_PROJECT", "p"}}));
  EXPECT_EQ(options.endpoint, "http://localhost:4443/");
  EXPECT_TRUE(options.anonymous);
  EXPECT_EQ(options.project, "p");
  EXPECT_FALSE(gcs_options(environment_of({})).anonymous);
}

}  // namespace
}  // namespace oko::storage

#include "oko/storage/s3/s3.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <sstream>

#include "oko/storage/bucket/test_environment.h"
#include "oko/storage/bucket/test_store_contract.h"

// Against third-party servers on loopback, started by tests/storage/with_s3.sh.
namespace oko::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

struct Server {
  std::string endpoint, key, secret;
};

std::optional<Server> server_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return std::nullopt;
  Server server;
  std::istringstream(text) >> server.endpoint >> server.key >> server.secret;
  return server;
}

bucket::Environment environment_of(std::map<std::string, std::string> variables) {
  variables.emplace("AWS_EC2_METADATA_DISABLED", "true");
  return bucket::environment_of(std::move(variables));
}

S3Options options_for(const Server& server) {
  S3Options options;
  options.endpoint = server.endpoint;
  options.environment =
      environment_of({{"AWS_ACCESS_KEY_ID", server.key}, {"AWS_SECRET_ACCESS_KEY", server.secret}});
  hurry(options);
  return options;
}

std::string new_bucket() {
  static int number = 0;
  return "s3://oko-test-" + std::to_string(::getpid()) + "-" + std::to_string(number++);
}

class S3Contract : public StoreContract {
 protected:
  void start(const char* variable) {
    server_ = server_in(variable);
    if (!server_) GTEST_SKIP() << variable << " is not set: run tests/storage/with_s3.sh";
    use(make_s3_store(options_for(*server_)), new_bucket());
  }
  std::optional<Server> server_;
};

class S3rver : public S3Contract {
 protected:
  void SetUp() override { start("OKO_TEST_S3RVER"); }
};
class Radosgw : public S3Contract {
 protected:
  void SetUp() override { start("OKO_TEST_RADOSGW"); }
};

constexpr std::size_t kMiB = 1 << 20;

TEST_F(S3rver, WritesReadsAndDescribes) { writes_reads_and_describes(); }
TEST_F(S3rver, ReadsRangesOfVersions) { reads_ranges_of_versions(); }
// Not empty ranges: it announces a byte that never comes.
TEST_F(S3rver, ListsByPagePrefixAndFolder) { lists_by_page_prefix_and_folder(); }
TEST_F(S3rver, StreamsAnUpload) { streams_an_upload(18 * kMiB); }
TEST_F(S3rver, AppendsForOneWriter) { appends_without_losing_a_line(1); }

TEST_F(S3rver, RestartsPartsThatItCannotList) {
  auto parts = store_->upload_parts(name("big"), 6 * kMiB, {});
  parts->keep();
  EXPECT_EQ(store_->resume_parts(parts->token()), nullptr);
}

TEST_F(Radosgw, WritesReadsAndDescribes) { writes_reads_and_describes(); }
TEST_F(Radosgw, ReadsRangesOfVersions) { reads_ranges_of_versions(); }
TEST_F(Radosgw, ReadsRangesOfNothing) { reads_ranges_of_nothing(); }
TEST_F(Radosgw, ObeysPreconditions) { obeys_preconditions(); }
TEST_F(Radosgw, ListsByPagePrefixAndFolder) { lists_by_page_prefix_and_folder(); }
TEST_F(Radosgw, ListsMoreThanAPage) { lists_more_than_a_page(1010); }
TEST_F(Radosgw, StreamsAnUpload) { streams_an_upload(40 * kMiB); }
TEST_F(Radosgw, StreamsASmallUpload) { streams_an_upload(3); }
TEST_F(Radosgw, WritesPartsAndResumes) { writes_parts_and_goes_on(5 * kMiB); }
TEST_F(Radosgw, AppendsWithoutLosingALine) { appends_without_losing_a_line(3); }
TEST_F(Radosgw, AppendsByTwoRequests) { appends_by(2); }
TEST_F(Radosgw, CopiesComposesAndRemoves) { copies_composes_and_removes(5 * kMiB); }
TEST_F(Radosgw, FailsWithAHint) { refuses_with_a_hint(); }

TEST_F(Radosgw, AppendsToWhatIsTooLongToResend) {
  const std::string old = noise(6 * kMiB);
  put("log", old);
  store_->append(name("log"), bytes_of("line\n"));
  EXPECT_TRUE(get("log") == old + "line\n");
}

TEST_F(Radosgw, RejectsComposingShortPieces) {
  put("a", "short");
  EXPECT_EQ(code_of([&] {
              store_->compose({name("a"), name("a")}, name("b"));
            }),
            ErrorCode::kUsage);
  EXPECT_THAT(last_error_, HasSubstr("shorter than 5 MiB"));
}

TEST_F(Radosgw, ExplainsWrongCredentials) {
  put("a", "x");
  Server wrong = *server_;
  wrong.secret = "wrong-secret-SECRET";
  EXPECT_EQ(code_of([&] { make_s3_store(options_for(wrong))->read(name("a")); }),
            ErrorCode::kStorage);
  EXPECT_THAT(last_error_, HasSubstr("check AWS_SECRET_ACCESS_KEY"));
  wrong.key = "NOBODY";
  EXPECT_EQ(code_of([&] { make_s3_store(options_for(wrong))->read(name("a")); }),
            ErrorCode::kStorage);
  EXPECT_THAT(last_error_, HasSubstr("the access key is not valid"));
  S3Options anonymous = options_for(*server_);
  anonymous.environment = environment_of({{"AWS_NO_SIGN_REQUEST", "true"}});
  EXPECT_EQ(code_of([&] { make_s3_store(anonymous)->read(name("a")); }), ErrorCode::kStorage);
  EXPECT_THAT(last_error_, HasSubstr("requests are sent unsigned"));
  S3Options nothing = options_for(*server_);
  nothing.environment = environment_of({});
  EXPECT_EQ(code_of([&] { make_s3_store(nothing)->read(name("a")); }), ErrorCode::kStorage);
  EXPECT_THAT(last_error_, HasSubstr("no credentials: not in AWS_ACCESS_KEY_ID"));
}

// Everything logged while requests fail must be free of secrets.
TEST_F(Radosgw, RevealsNoSecret) {
  std::string told;
  std::mutex mutex;
  http::set_log([&](std::string_view line) {
    const std::lock_guard lock(mutex);
    told += std::string(line) + "\n";
  });
  S3Options options = options_for(*server_);
  options.environment = environment_of({{"AWS_ACCESS_KEY_ID", server_->key},
                                        {"AWS_SECRET_ACCESS_KEY", "hush-1"},
                                        {"AWS_SESSION_TOKEN", "hush-2"}});
  options.retry.budget = 100ms;
  const auto store = make_s3_store(options);
  for (const auto& work : std::vector<std::function<void()>>{
           [&] { store->read(name("a")); }, [&] { store->write(name("a"), bytes_of("x")); },
           [&] { store->list(bucket_, true); }, [&] { store->upload_parts(name("a"), 1); },
           [&] { store->remove(name("a")); }}) {
    code_of(work);
    told += last_error_ + "\n";
  }
  options.endpoint = "http://127.0.0.1:1";
  code_of([&] { make_s3_store(options)->read(name("a")); });
  told += last_error_ + "\n";
  http::set_log(nullptr);
  EXPECT_THAT(told, HasSubstr("GET http://127.0.0.1:"));
  for (const char* secret : {"hush", "AWS4-HMAC", "Signature="}) {
    EXPECT_THAT(told, Not(HasSubstr(secret)));
  }
}

class S3Faults : public S3Contract, public ::testing::WithParamInterface<oko::testing::Fault> {
 protected:
  void SetUp() override { start("OKO_TEST_RADOSGW"); }
};

TEST_P(S3Faults, LosesAndBreaksNothing) {
  const int port = std::atoi(server_->endpoint.substr(server_->endpoint.rfind(':') + 1).c_str());
  loses_and_breaks_nothing(GetParam(), port, kMiB, options_for(*server_), make_s3_store);
}
INSTANTIATE_TEST_SUITE_P(Each, S3Faults, each_fault(), name_of_fault);

TEST(S3Options, ComeFromVariablesAndProfile) {
  const S3Options options = s3_options(environment_of({{"AWS_ENDPOINT_URL", "http://a"},
                                                       {"AWS_ENDPOINT_URL_S3", "http://b"},
                                                       {"AWS_DEFAULT_REGION", "eu-west-1"}}));
  EXPECT_EQ(options.endpoint, "http://b");
  EXPECT_EQ(options.region, "eu-west-1");
  S3Options wrong;
  wrong.endpoint = "127.0.0.1:80";
  EXPECT_THROW(make_s3_store(wrong), Error);
}

}  // namespace
}  // namespace oko::storage

#include "oko/storage/gcs/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "oko/base/json.h"
#include "oko/storage/bucket/test_environment.h"
#include "oko/storage/gcs/answers.h"
#include "oko/storage/gcs/test_example_key.h"
#include "tests/storage/gcs_server.h"

namespace oko::storage::gcs {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Jwt, MatchesTheVectorOfRfc7515) {
  const std::string token =
      make_jwt(R"({"alg":"RS256"})",
               "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}",
               kExampleKey);
  EXPECT_EQ(token,
            std::string("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0"
                        "dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.") +
                kExampleSignature);
}

TEST(Jwt, RejectsWhatIsNotAKey) {
  for (const std::string key : {"", "SECRET", "-----BEGIN PRIVATE KEY-----\nSECRET\n"}) {
    try {
      make_jwt("{}", "{}", key);
      ADD_FAILURE();
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr("is not an RSA key in PEM format"));
      EXPECT_THAT(e.what(), Not(HasSubstr("SECRET")));
    }
  }
}

class Tokens : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_gcs_home_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    oko::testing::GcsOptions options;
    options.public_key = kExamplePublicKey;
    server_ = std::make_unique<oko::testing::GcsServer>(options);
    host_ = "127.0.0.1:" + std::to_string(server_->port());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Json service_account() const {
    return {{"type", "service_account"},  {"client_email", "a@b"},
            {"private_key_id", "k"},      {"private_key", kExampleKey},
            {"project_id", "my-project"}, {"token_uri", "http://" + host_ + "/token"}};
  }
  Json user() const {
    return {{"type", "authorized_user"},
            {"client_id", "c"},
            {"client_secret", "SECRET/+"},
            {"refresh_token", "SECRET"},
            {"token_uri", "http://" + host_ + "/token"}};
  }
  TokenSource source(std::map<std::string, std::string> variables) const {
    variables.emplace("HOME", folder_);
    GcsOptions options;
    options.environment = bucket::environment_of(std::move(variables));
    options.retry.first = std::chrono::milliseconds(5);
    options.retry.budget = options.retry.budget_of_strangers = std::chrono::milliseconds(50);
    return TokenSource(options);
  }
  std::string error(std::map<std::string, std::string> variables) const {
    try {
      source(std::move(variables)).get();
    } catch (const Error& e) {
      return e.what();
    }
    return "none";
  }

  std::string folder_, host_;
  std::unique_ptr<oko::testing::GcsServer> server_;
};

TEST_F(Tokens, AreRequestedByAServiceAccount) {
  write(folder_ + "/key.json", service_account().dump());
  TokenSource tokens = source({{"GOOGLE_APPLICATION_CREDENTIALS", folder_ + "/key.json"}});
  const std::string first = tokens.get();
  EXPECT_THAT(first, HasSubstr("ya29."));
  EXPECT_EQ(tokens.get(), first);
  tokens.renew("another");
  EXPECT_EQ(tokens.get(), first);
  tokens.renew(first);
  EXPECT_NE(tokens.get(), first);
  EXPECT_EQ(tokens.project(), "my-project");
}

TEST_F(Tokens, AreRefreshedForAUserOfGcloud) {
  write(folder_ + "/.config/gcloud/application_default_credentials.json", user().dump());
  EXPECT_THAT(source({}).get(), HasSubstr("ya29."));
  EXPECT_THAT(source({{"CLOUDSDK_CONFIG", folder_ + "/.config/gcloud"}, {"HOME", ""}}).get(),
              HasSubstr("ya29."));
}

TEST_F(Tokens, ComeFromTheMetadataServer) {
  EXPECT_THAT(source({{"GCE_METADATA_HOST", host_}}).get(), HasSubstr("ya29."));
}

TEST_F(Tokens, SayWhatIsMissing) {
  EXPECT_THAT(error({{"GCE_METADATA_HOST", "127.0.0.1:1"}}),
              HasSubstr("run gcloud auth application-default login"));
  EXPECT_THAT(error({{"GOOGLE_APPLICATION_CREDENTIALS", folder_ + "/none"}}),
              HasSubstr("is missing or empty"));
  Json refused = user();
  refused["refresh_token"] = "";
  write(folder_ + "/key.json", refused.dump());
  const std::string said = error({{"GOOGLE_APPLICATION_CREDENTIALS", folder_ + "/key.json"}});
  EXPECT_THAT(said, HasSubstr("no access token: the server responded 400"));
  EXPECT_THAT(said, Not(HasSubstr("SECRET")));
}

TEST(Account, IsRejectedWithoutQuotingIt) {
  const std::pair<const char*, const char*> wrong[] = {
      {"SECRET", "is not JSON"},
      {"[\"SECRET\"]", "has no string \"type\""},
      {"{\"type\":7}", "has no string \"type\""},
      {"{\"type\":\"SECRET\"}", "contains unsupported credentials"},
      {"{\"type\":\"service_account\",\"client_email\":\"SECRET\"}",
       "has no string \"private_key\""},
      {"{\"type\":\"authorized_user\",\"client_id\":\"SECRET\"}",
       "has no string \"client_secret\""},
      {"{\"type\":\"authorized_user\",\"token_uri\":\"http://SECRET\"}", "neither https nor"},
  };
  for (const auto& [text, message] : wrong) {
    try {
      parse_account(text, "key.json");
      ADD_FAILURE() << text;
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr(message));
      EXPECT_THAT(e.what(), Not(HasSubstr("SECRET")));
    }
  }
}

TEST(Answers, AreReadOrRejected) {
  const Listing listing = parse_listing(
      R"({"items":[{"name":"a","size":"5","generation":"7","crc32c":"yZRlqg==",)"
      R"("md5Hash":"XrY7u+Ae7tCTyyK7j1rNww=="}],"prefixes":["b/"],"nextPageToken":"t"})",
      "p");
  EXPECT_EQ(listing.objects.at(0).entry.size, 5u);
  EXPECT_EQ(listing.objects.at(0).entry.md5, "5eb63bbbe01eeed093cb22bb8f5acdc3");
  EXPECT_EQ(listing.objects.at(0).entry.crc32c, 0xC99465AAu);
  EXPECT_EQ(listing.next, "t");
  for (const char* text : {"", "[]", "{\"items\":7}", "{\"items\":[{}]}", "{\"prefixes\":[7]}",
                           "{\"items\":[{\"name\":\"a\",\"size\":\"-5\",\"generation\":\"7\"}]}",
                           "{\"items\":[{\"name\":\"a\",\"size\":5,\"generation\":\"7\"}]}",
                           "{\"nextPageToken\":7}"}) {
    EXPECT_THROW(parse_listing(text, "p"), Error) << text;
  }
  EXPECT_THROW(parse_rewrite("{\"done\":true}", "p"), Error);
  EXPECT_THROW(parse_rewrite("{\"done\":false}", "p"), Error);
  EXPECT_EQ(parse_error("No such object").message, "No such object");
  EXPECT_EQ(parse_held(""), 0u);
  EXPECT_EQ(parse_held("bytes=0-262143"), 262144u);
  EXPECT_EQ(parse_held("bytes=1-2"), std::nullopt);
  EXPECT_EQ(parse_held("bytes=0-18446744073709551615"), std::nullopt);
}

}  // namespace
}  // namespace oko::storage::gcs

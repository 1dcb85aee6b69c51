#include "oko/storage/s3/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "oko/storage/bucket/test_environment.h"
#include "tests/storage/wire.h"

namespace oko::storage::s3 {
namespace {

using oko::testing::Connection;
using oko::testing::Listener;
using ::testing::HasSubstr;
using ::testing::Not;

using bucket::environment_of;

bucket::Options quick() {
  bucket::Options options;
  options.retry.first = std::chrono::milliseconds(5);
  options.retry.budget = options.retry.budget_of_strangers = std::chrono::milliseconds(50);
  return options;
}

class Home : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_s3_home_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    variables_ = {{"HOME", folder_}, {"AWS_EC2_METADATA_DISABLED", "true"}};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  Credentials get() { return CredentialSource(environment_of(variables_), quick()).get(); }
  std::string error() {
    try {
      get();
    } catch (const Error& e) {
      return e.what();
    }
    return "none";
  }

  std::string folder_;
  std::map<std::string, std::string> variables_;
};

TEST_F(Home, UsesVariablesFirst) {
  write(folder_ + "/.aws/credentials",
        "[default]\naws_access_key_id = FILE\naws_secret_access_key = S\n");
  EXPECT_EQ(get().key_id, "FILE");
  variables_["AWS_ACCESS_KEY_ID"] = "ENV";
  EXPECT_THAT(error(), HasSubstr("AWS_SECRET_ACCESS_KEY: is not set"));
  variables_["AWS_SECRET_ACCESS_KEY"] = "E";
  variables_["AWS_SESSION_TOKEN"] = "T";
  EXPECT_EQ(get().key_id, "ENV");
  EXPECT_EQ(get().session_token, "T");
  variables_["AWS_NO_SIGN_REQUEST"] = "True";
  EXPECT_TRUE(get().anonymous);
}

TEST_F(Home, UsesTheRequestedProfile) {
  write(folder_ + "/.aws/credentials",
        "# keys\n[default]\naws_access_key_id=A\naws_secret_access_key=B\n"
        "[work]\naws_access_key_id = C\naws_secret_access_key = D=/+\n");
  write(folder_ + "/.aws/config",
        "[default]\nregion = eu-west-1\ns3 =\n  max_concurrent_requests = 20\n"
        "[profile work]\nregion = eu-central-1\nendpoint_url = http://h:1\n"
        "[profile keys]\naws_access_key_id = E\naws_secret_access_key = F\n");
  EXPECT_EQ(get().secret, "B");
  variables_["AWS_PROFILE"] = "work";
  EXPECT_EQ(get().secret, "D=/+");
  EXPECT_EQ(profile_settings(environment_of(variables_)).at("region"), "eu-central-1");
  variables_["AWS_PROFILE"] = "keys";
  EXPECT_EQ(get().key_id, "E");
  variables_["AWS_PROFILE"] = "none";
  EXPECT_THAT(error(), HasSubstr("there is no profile \"none\""));
  variables_["AWS_PROFILE"] = "";
  variables_["AWS_SHARED_CREDENTIALS_FILE"] = folder_ + "/other";
  EXPECT_THAT(error(), HasSubstr("no credentials"));
}

TEST_F(Home, ReportsTheLineOfABrokenFileWithoutItsValues) {
  write(folder_ + "/.aws/credentials", "[default]\nSECRET\n");
  EXPECT_THAT(error(), HasSubstr("/.aws/credentials:2: neither a [section]"));
  EXPECT_THAT(error(), Not(HasSubstr("SECRET")));
  write(folder_ + "/.aws/credentials", "[default\n");
  EXPECT_THAT(error(), HasSubstr(":1: the line starts a [section] without a closing ]"));
}

TEST_F(Home, AsksTheContainer) {
  Listener server(0, [](Connection& connection) {
    while (const auto head = connection.read_head()) {
      const bool known = head->get("authorization") == "token" && head->target() == "/creds";
      const std::string body =
          R"({"AccessKeyId":"K","SecretAccessKey":"S","Token":"T","Expiration":"2050-01-02T03:04:05Z"})";
      connection.send((known ? "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                                   "\r\n\r\n" + body
                             : "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"));
    }
  });
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] =
      "http://127.0.0.1:" + std::to_string(server.port()) + "/creds";
  EXPECT_THAT(error(), HasSubstr("responded 403"));
  write(folder_ + "/token", "token\n");
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = folder_ + "/token";
  EXPECT_EQ(get().session_token, "T");
  EXPECT_EQ(get().expires, 2524705445);
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://example.com/creds";
  EXPECT_THAT(error(), HasSubstr("neither https nor on this machine"));
}

TEST_F(Home, AsksTheInstanceWithASession) {
  std::atomic<int> asked{0};
  Listener server(0, [&](Connection& connection) {
    while (const auto head = connection.read_head()) {
      connection.read_whole_body(*head);
      std::string body, status = "200 OK";
      const bool session = head->get("x-aws-ec2-metadata-token") == "session";
      if (head->method() == "PUT" && head->target() == "/latest/api/token") {
        body = "session";
      } else if (session && head->target() == "/latest/meta-data/iam/security-credentials/") {
        body = "the role\n";
      } else if (session &&
                 head->target() == "/latest/meta-data/iam/security-credentials/the%20role") {
        ++asked;
        // The first ones end at once.
        body = asked == 1 ? R"({"AccessKeyId":"K1","SecretAccessKey":"S","Token":"T",)"
                            R"("Expiration":"2020-01-01T00:00:00Z"})"
                          : R"({"AccessKeyId":"K2","SecretAccessKey":"S","Token":"T",)"
                            R"("Expiration":"2050-01-01T00:00:00Z"})";
      } else {
        status = "401 Unauthorized";
      }
      connection.send("HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
                      "\r\n\r\n" + body);
    }
  });
  variables_["AWS_EC2_METADATA_DISABLED"] = "";
  variables_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] =
      "http://127.0.0.1:" + std::to_string(server.port()) + "/";
  CredentialSource source(environment_of(variables_), quick());
  EXPECT_EQ(source.get().key_id, "K1");
  EXPECT_EQ(source.get().key_id, "K2");
  EXPECT_EQ(source.get().key_id, "K2");
  EXPECT_EQ(asked, 2);
  source.renew(source.get());
  source.get();
  EXPECT_EQ(asked, 3);
}

TEST(CredentialAnswer, IsRejectedWithoutQuotingIt) {
  for (const char* text :
       {"SECRET", "{\"AccessKeyId\":\"SECRET\"}", "[]",
        "{\"AccessKeyId\":\"SECRET\",\"SecretAccessKey\":7}",
        "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"SECRET\",\"Expiration\":\"x\"}"}) {
    try {
      parse_credentials(text, "here");
      ADD_FAILURE() << text;
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), Not(HasSubstr("SECRET")));
    }
  }
}

}  // namespace
}  // namespace oko::storage::s3

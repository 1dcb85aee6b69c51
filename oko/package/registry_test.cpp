#include "oko/package/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "oko/base/error.h"
#include "oko/package/test_folder.h"
#include "oko/storage/store.h"
#include "tests/storage/wire.h"

namespace oko::package {
namespace {

using oko::testing::Connection;
using oko::testing::Head;
using ::testing::HasSubstr;
using ::testing::Not;

// base64 of "oko:hidden"
constexpr char kLogins[] = R"({"auths":{"127.0.0.1:PORT":{"auth":"b2tvOmhpZGRlbg=="}}})";

std::string answer(const std::string& status, const std::string& fields = {},
                   const std::string& body = {}) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         fields + "\r\n" + body;
}

// Responds by a function, and keeps what it was sent.
class Server {
 public:
  explicit Server(std::function<std::string(const Head&)> reply)
      : listener_(0, [this, reply = std::move(reply)](Connection& connection) {
          try {
            while (const auto head = connection.read_head()) {
              connection.read_whole_body(*head);
              {
                const std::lock_guard lock(mutex_);
                seen_ += head->text();
              }
              connection.send(reply(*head));
            }
          } catch (const oko::testing::Broken&) {
          }
        }) {}
  std::string host() const { return "127.0.0.1:" + std::to_string(listener_.port()); }
  std::string seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  mutable std::mutex mutex_;
  std::string seen_;
  oko::testing::Listener listener_;
};

RegistryOptions options_with_login(const TestFolder& folder, const Server& server) {
  std::string logins = kLogins;
  logins.replace(logins.find("127.0.0.1:PORT"), 14, server.host());
  const std::string file = folder / "auth.json";
  storage::write(file, logins);
  RegistryOptions options;
  options.retry.first = std::chrono::milliseconds(5);
  options.retry.budget = std::chrono::milliseconds(300);
  options.environment = [file](const char* name) {
    return std::string(name) == "REGISTRY_AUTH_FILE" ? file : std::string();
  };
  return options;
}

std::string digest_of(const std::string& text) {
  return "sha256:" + storage::sha256(std::as_bytes(std::span(text)));
}

TEST(Registry, SendsNoLoginToAnotherHost) {
  const TestFolder folder;
  const std::string content = "content of a blob", digest = digest_of(content);
  const Server other([&](const Head&) { return answer("200 OK", "", content); });
  const Server server([&](const Head& head) {
    if (!head.has("Authorization")) {
      return answer("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n");
    }
    return answer("307 Temporary Redirect", "Location: http://" + other.host() + "/blob?sig=1\r\n");
  });
  Registry registry(parse_image_reference(server.host() + "/a"), false,
                    options_with_login(folder, server));
  registry.pull_blob(digest, content.size(), folder / "blob");
  EXPECT_EQ(storage::read_text(folder / "blob"), content);
  EXPECT_THAT(server.seen(), HasSubstr("Basic b2tvOmhpZGRlbg=="));
  EXPECT_THAT(other.seen(), HasSubstr("GET /blob?sig=1"));
  EXPECT_THAT(other.seen(), Not(HasSubstr("Authorization")));
}

TEST(Registry, UploadsElsewhereWithoutItsLogin) {
  const TestFolder folder;
  storage::write(folder / "blob", "content");
  const std::string digest = digest_of("content");
  const Server other([&](const Head&) { return answer("201 Created"); });
  const Server server([&](const Head& head) {
    if (!head.has("Authorization")) {
      return answer("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n");
    }
    return answer("202 Accepted", "Location: http://" + other.host() + "/u?state=1\r\n");
  });
  Registry registry(parse_image_reference(server.host() + "/a"), true,
                    options_with_login(folder, server));
  registry.push_blob(digest, folder / "blob");
  EXPECT_THAT(other.seen(), HasSubstr("PUT /u?state=1&digest=sha256%3A"));
  EXPECT_THAT(other.seen(), Not(HasSubstr("Authorization")));
}

TEST(Registry, RefusesDamagedContent) {
  const TestFolder folder;
  const std::string content = "content of a blob", digest = digest_of(content);
  std::atomic<int> kind{0};
  const Server server([&](const Head&) {
    const std::string bodies[] = {"content of a bloB", "content", content + " and more"};
    return answer("200 OK", "", bodies[kind % 3]);
  });
  Registry registry(parse_image_reference(server.host() + "/a"), false,
                    options_with_login(folder, server));
  for (kind = 0; kind < 3; ++kind) {
    EXPECT_THROW(registry.pull_blob(digest, content.size(), folder / "blob"), Error) << kind;
    EXPECT_FALSE(storage::exists(folder / "blob"));
  }
  EXPECT_THROW(registry.manifest(digest_of("another")), Error);
}

TEST(Registry, SaysWhatTheServerSaidButNoSecret) {
  const TestFolder folder;
  const Server server([&](const Head& head) {
    if (!head.has("Authorization")) {
      return answer("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n");
    }
    return answer("403 Forbidden", "",
                  R"({"errors":[{"code":"DENIED","message":"no \u001b[31m right"}]})");
  });
  Registry registry(parse_image_reference(server.host() + "/a"), true,
                    options_with_login(folder, server));
  try {
    registry.has_blob(digest_of("x"));  // HEAD: no body
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("403"));
  }
  try {
    registry.manifest("latest");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("DENIED, no \\x1b[31m right"));
    EXPECT_THAT(error.what(), Not(HasSubstr("hidden")));
    EXPECT_THAT(error.what(), Not(HasSubstr("b2tv")));
  }
}

TEST(Registry, DoesNotSendALoginToATokenServerWithoutTls) {
  const TestFolder folder;
  for (const char* realm : {"ftp://127.0.0.1/token", "http://192.0.2.1/token"}) {
    const Server server([&](const Head&) {
      return answer("401 Unauthorized", "WWW-Authenticate: Bearer realm=\"" + std::string(realm) +
                                            "\",service=\"s\"\r\n");
    });
    Registry registry(parse_image_reference(server.host() + "/a"), false,
                      options_with_login(folder, server));
    try {
      registry.manifest("latest");
      ADD_FAILURE() << realm;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("not reached by https")) << realm;
    }
  }
}

TEST(LoginFile, HasTheLoginOfTheMostSpecificName) {
  const ImageReference image = parse_image_reference("r.io/team/oko");
  const LoginEntry entry = parse_login_file(
      R"({"auths":{"https://r.io/v1/":{"auth":"YTpi"},"r.io/team":{"auth":"YzpkOmU="},
          "r.io/teams":{"auth":"eDp4"},"evil-r.io":{"auth":"eDp4"}}})",
      "f", image);
  ASSERT_TRUE(entry.login);
  EXPECT_EQ(entry.login->user, "c");
  EXPECT_EQ(entry.login->password, "d:e");
  const LoginEntry other =
      parse_login_file(R"({"auths":{"https://r.io/v1/":{"auth":"YTpi"}}})", "f", image);
  ASSERT_TRUE(other.login);
  EXPECT_EQ(other.login->user, "a");
  EXPECT_FALSE(parse_login_file(R"({"auths":{"other.io":{"auth":"YTpi"}}})", "f", image).login);
}

TEST(LoginFile, NamesAHelper) {
  const ImageReference image = parse_image_reference("docker.io/team/oko");
  const LoginEntry entry = parse_login_file(
      R"({"credsStore":"desktop","auths":{"https://index.docker.io/v1/":{}}})", "f", image);
  EXPECT_FALSE(entry.login);
  EXPECT_EQ(entry.helper, "desktop");
  EXPECT_EQ(entry.server, "https://index.docker.io/v1/");
  EXPECT_EQ(parse_login_file(R"({"credHelpers":{"r.io":"gcloud"},"credsStore":"x"})", "f",
                             parse_image_reference("r.io/a"))
                .helper,
            "gcloud");
  EXPECT_THROW(parse_login_file(R"({"credsStore":"../../bin/sh"})", "f", image), Error);
  EXPECT_THROW(parse_login_file(R"({"credsStore":"a b"})", "f", image), Error);
}

TEST(LoginFile, ShowsNothingOfItselfInErrors) {
  for (const char* bad : {R"({"auths":{"r.io":{"auth":"SECRET"}}})", R"({"auths": SECRET)"}) {
    try {
      parse_login_file(bad, "f", parse_image_reference("r.io/a"));
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), Not(HasSubstr("SECRET")));
    }
  }
}

TEST(HelperAnswer, HasAPasswordOrAToken) {
  EXPECT_EQ(parse_helper_answer(R"({"Username":"u","Secret":"p"})")->password, "p");
  EXPECT_EQ(parse_helper_answer(R"({"Username":"<token>","Secret":"p"})")->identity_token, "p");
  EXPECT_FALSE(parse_helper_answer(R"({"Username":"u"})"));
  EXPECT_FALSE(parse_helper_answer("[]"));
}

}  // namespace
}  // namespace oko::package

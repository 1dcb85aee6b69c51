#include "oko/jobs/kubernetes/credential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/jobs/kubernetes/test_spec.h"

namespace oko::jobs::kubernetes {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kVersion = "client.authentication.k8s.io/v1";

std::string credential(const std::string& status) {
  return std::string(R"({"apiVersion":")") + kVersion + R"(","kind":"ExecCredential","status":)" +
         status + "}";
}

TEST(Credential, ReadsTokensAndCertificates) {
  const Credential token = parse_credential(
      credential(R"({"token":"abc","expirationTimestamp":"2026-11-29T20:15:00Z"})"), kVersion, "p");
  EXPECT_EQ(token.token, "abc");
  EXPECT_EQ(token.expires, 1795983300);
  const Credential pair = parse_credential(
      credential(R"({"clientCertificateData":"C","clientKeyData":"K"})"), kVersion, "p");
  EXPECT_EQ(pair.certificate, "C");
  EXPECT_EQ(pair.key, "K");
  EXPECT_FALSE(pair.expires.has_value());
}

TEST(Credential, RefusesOthersAndQuotesNothing) {
  for (const std::string& text :
       {std::string("secret-1"), credential("{}"), credential(R"({"token":"secret-1\r\nX: y"})"),
        credential(R"({"token":7})"), credential(R"({"clientKeyData":"secret-1"})"),
        credential(R"({"token":"a","expirationTimestamp":"soon"})"),
        std::string(R"({"apiVersion":"v1","kind":"ExecCredential","status":{"token":"secret-1"}})"),
        std::string("[]"), std::string(R"({"kind":3})")}) {
    const std::string message = error_of([&] { parse_credential(text, kVersion, "plugin"); });
    EXPECT_THAT(message, HasSubstr("plugin")) << text;
    EXPECT_THAT(message, Not(HasSubstr("secret-1"))) << text;
  }
}

TEST(Credential, TimesMayHaveFractionsAndOffsets) {
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:10Z"), 10);
  EXPECT_EQ(parse_rfc3339("1970-01-01T01:00:10.123456789+01:00"), 10);
  EXPECT_EQ(parse_rfc3339("1969-12-31T19:00:10-05:00"), 10);
  for (const char* bad : {"", "1970-01-01", "1970-01-01T00:00:10", "1970-01-01T00:00:10X",
                          "1970-01-01T00:00:10+1", "never"}) {
    EXPECT_FALSE(parse_rfc3339(bad).has_value()) << bad;
  }
}

TEST(Credential, ThePluginIsToldTheCluster) {
  Access access;
  access.server = "https://a";
  access.tls.ca = "ca";
  access.plugin = Plugin{};
  access.plugin->api_version = kVersion;
  EXPECT_FALSE(exec_info(access, false)["spec"].contains("cluster"));
  access.plugin->wants_cluster = true;
  const Json cluster = exec_info(access, false)["spec"]["cluster"];
  EXPECT_EQ(cluster["server"], "https://a");
  EXPECT_EQ(cluster["certificate-authority-data"], "Y2E=");
}

// A plugin that is a shell script.
Access access_with(const std::string& script, const std::string& zero = "x") {
  Access access;
  access.plugin = Plugin{};
  access.plugin->api_version = kVersion;
  access.plugin->command = "sh";
  access.plugin->arguments = {"-c", script, zero};
  access.plugin->environment = {{"OKO_X", "token-1"}};
  access.plugin->interactive = Plugin::Interactive::kNever;
  return access;
}

TEST(Plugin, IsRunWithItsWordsAndEnvironment) {
  const Credential said = ask_plugin(access_with(
      R"(cat; printf '{"apiVersion":"%s","kind":"ExecCredential","status":{"token":"%s"}}')"
      R"( "$0" "$OKO_X")",
      kVersion));
  EXPECT_EQ(said.token, "token-1");
}

TEST(Plugin, IsToldWhatIsWanted) {
  EXPECT_THAT(
      error_of([] { ask_plugin(access_with("echo \"$KUBERNETES_EXEC_INFO\" >&2; exit 3")); }),
      HasSubstr(R"("spec":{"interactive":false})"));
}

TEST(Plugin, ItsFailureIsToldWithItsLastWords) {
  EXPECT_THAT(error_of([] { ask_plugin(access_with("echo expired login >&2; exit 3")); }),
              HasSubstr("exit code 3: expired login"));
  EXPECT_THAT(error_of([] { ask_plugin(access_with("yes | head -c 3000000")); }),
              HasSubstr("did not print JSON"));
}

}  // namespace
}  // namespace oko::jobs::kubernetes

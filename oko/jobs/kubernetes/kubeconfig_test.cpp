#include "oko/jobs/kubernetes/kubeconfig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "oko/jobs/kubernetes/test_spec.h"
#include "oko/storage/bucket/test_environment.h"

namespace oko::jobs::kubernetes {
namespace {

using storage::bucket::environment_of;
using ::testing::HasSubstr;
using ::testing::Not;

// A folder for one test.
class KubeconfigFile : public ::testing::Test {
 protected:
  KubeconfigFile() {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder_);
  }
  ~KubeconfigFile() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  std::filesystem::path folder_;
};

std::string config(const std::string& user, const std::string& cluster = {}) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: main\n"
         "contexts:\n- name: main\n  context: {cluster: c, user: u, namespace: ml}\n"
         "clusters:\n- name: c\n  cluster:\n    server: https://10.0.0.1:6443/\n" +
         cluster + "users:\n- name: u\n  user:\n" + user;
}

Access access_of_text(const std::string& text) {
  return access_of(parse_kubeconfig(text, "/k/config"), "");
}

TEST(Kubeconfig, ResolvesTheCurrentContext) {
  const Access access = access_of_text(
      config("    client-certificate-data: Y2VydA==\n    client-key-data: a2V5\n",
             "    certificate-authority-data: Y2E=\n    tls-server-name: kube\n    proxy-url: "
             "http://proxy:3128\n"));
  EXPECT_EQ(access.context, "main");
  EXPECT_EQ(access.server, "https://10.0.0.1:6443");
  EXPECT_EQ(access.namespace_, "ml");
  EXPECT_EQ(access.tls.ca, "ca");
  EXPECT_EQ(access.tls.certificate, "cert");
  EXPECT_EQ(access.tls.key, "key");
  EXPECT_TRUE(access.tls.verify);
  EXPECT_EQ(access.tls_server_name, "kube");
  EXPECT_EQ(access.proxy, "http://proxy:3128");
}

TEST(Kubeconfig, NamesTheContextsItHas) {
  const Kubeconfig parsed = parse_kubeconfig(config("    token: t\n"), "/k/config");
  EXPECT_THAT(error_of([&] { access_of(parsed, "other"); }), HasSubstr("it has: main"));
}

TEST(Kubeconfig, ReadsPlugins) {
  const Access access =
      access_of_text(config("    exec:\n      apiVersion: client.authentication.k8s.io/v1\n"
                            "      command: ./bin/login\n      args: [--for, oko]\n"
                            "      env: [{name: REGION, value: eu}]\n      interactiveMode: Never\n"
                            "      provideClusterInfo: true\n      installHint: install it\n"));
  ASSERT_TRUE(access.plugin.has_value());
  EXPECT_EQ(access.plugin->command, "/k/./bin/login");
  EXPECT_EQ(access.plugin->arguments, (std::vector<std::string>{"--for", "oko"}));
  EXPECT_EQ(access.plugin->environment.at("REGION"), "eu");
  EXPECT_EQ(access.plugin->interactive, Plugin::Interactive::kNever);
  EXPECT_TRUE(access.plugin->wants_cluster);
  EXPECT_EQ(access.plugin->install_hint, "install it");
}

TEST(Kubeconfig, RefusesWhatItDoesNotSupportWithAWord) {
  EXPECT_THAT(error_of([] { access_of_text(config("    username: a\n    password: b\n")); }),
              HasSubstr("passwords"));
  EXPECT_THAT(error_of([] { access_of_text(config("    auth-provider: {name: gcp}\n")); }),
              HasSubstr("auth-provider"));
  EXPECT_THAT(error_of([] {
                access_of_text(
                    config("    exec: {apiVersion: client.authentication.k8s.io/v1alpha1, "
                           "command: x}\n"));
              }),
              HasSubstr("v1beta1"));
  EXPECT_THAT(error_of([] {  // v1 requires it
                access_of_text(config(
                    "    exec: {apiVersion: client.authentication.k8s.io/v1, command: x}\n"));
              }),
              HasSubstr("interactiveMode"));
  EXPECT_THAT(error_of([] { access_of_text(config("    client-key-data: a2V5\n")); }),
              HasSubstr("without the other"));
}

TEST(Kubeconfig, ErrorsContainNoSecrets) {
  for (const char* user : {"    token: \"secret-1\\nx\"\n", "    client-key-data: \"secret-1 !\"\n",
                           "    token: [secret-1]\n", "    token: {secret-1\n"}) {
    const std::string message = error_of([&] { access_of_text(config(user)); });
    EXPECT_THAT(message, Not(HasSubstr("secret-1")));
    EXPECT_FALSE(message.empty()) << user;
  }
}

TEST(Kubeconfig, CredentialsAreSentToHttpsOnly) {
  const auto error_for = [](const std::string& server) {
    return error_of([&] {
      Kubeconfig parsed = parse_kubeconfig(config("    token: t\n"), "/k/config");
      parsed.clusters["c"].server = server;
      access_of(parsed, "");
    });
  };
  EXPECT_THAT(error_for("http://10.0.0.1"), HasSubstr("not https"));
  EXPECT_EQ(error_for("http://127.0.0.1:8080"), "");
  EXPECT_EQ(error_for("https://[fd00::1]:6443/k8s/clusters/c-1"), "");
  for (const char* bad : {"", "10.0.0.1", "ftp://x", "https://", "https://a@b", "https://a?b",
                          "https://a\r\nX: y", "https:///x"}) {
    EXPECT_NE(error_for(bad), "") << bad;
  }
}

TEST(Kubeconfig, BrokenFilesAreRefusedWithALine) {
  EXPECT_THAT(error_of([] { parse_kubeconfig("a: [", "/k/config"); }), HasSubstr("/k/config:"));
  EXPECT_THAT(error_of([] { parse_kubeconfig("clusters: 3\n", "/k/config"); }),
              HasSubstr("clusters is not a list"));
  EXPECT_THAT(error_of([] { parse_kubeconfig("- x\n", "/k/config"); }), HasSubstr("not a map"));
  EXPECT_THAT(error_of([] {
                parse_kubeconfig("\nclusters:\n- name: c\n  cluster: {insecure-skip-tls-verify: 7}",
                                 "/k/config");
              }),
              HasSubstr("/k/config:4"));
  EXPECT_EQ(error_of([] { parse_kubeconfig("", "/k/config"); }), "");
}

TEST_F(KubeconfigFile, SeveralFilesAreMergedAndTheFirstCounts) {
  const std::string first = write("a",
                                  "current-context: one\ncontexts:\n- name: one\n  context: "
                                  "{cluster: c, user: u}\nusers:\n- name: u\n  user: {token: "
                                  "first}\n");
  const std::string second =
      write("b",
            "current-context: two\nclusters:\n- name: c\n  cluster: {server: 'https://b', "
            "certificate-authority: ca.pem}\nusers:\n- name: u\n  user: {token: second}\n");
  write("ca.pem", "the authority");
  const Access access = find_access(
      "", "", environment_of({{"KUBECONFIG", first + ":" + second + "::" + second + ".missing"}}));
  EXPECT_EQ(access.context, "one");
  EXPECT_EQ(access.token, "first");
  EXPECT_EQ(access.tls.ca, "the authority");  // found beside the file that names it
}

TEST_F(KubeconfigFile, TheServerCountsMoreThanTheContextsName) {
  const std::string file = write("c", config("    token: t\n") + "- name: v\n  user: {token: v}\n");
  const std::string more = write("d",
                                 "contexts:\n- name: other\n  context: {cluster: d, user: v}\n"
                                 "clusters:\n- name: d\n  cluster: {server: 'https://other'}\n");
  const auto environment = environment_of({{"KUBECONFIG", file + ":" + more}});
  EXPECT_EQ(find_access("elsewhere", "https://10.0.0.1:6443", environment).context, "main");
  EXPECT_EQ(find_access("other", "https://10.0.0.1:6443", environment).context, "main");
  EXPECT_EQ(find_access("other", "https://other", environment).context, "other");
  // Perhaps another address of the same cluster.
  EXPECT_EQ(find_access("other", "https://third", environment).context, "other");
  EXPECT_THAT(error_of([&] { find_access("elsewhere", "https://third", environment); }),
              HasSubstr("elsewhere"));
}

TEST_F(KubeconfigFile, WithoutAnyThePodsServiceAccountIsMeant) {
  const Access access = find_access("", "",
                                    environment_of({{"HOME", folder_.string()},
                                                    {"KUBERNETES_SERVICE_HOST", "fd00::1"},
                                                    {"KUBERNETES_SERVICE_PORT", "443"}}));
  EXPECT_EQ(access.server, "https://[fd00::1]:443");
  EXPECT_EQ(access.token_file, "/var/run/secrets/kubernetes.io/serviceaccount/token");
  EXPECT_THAT(error_of([&] { find_access("", "", environment_of({})); }), HasSubstr("KUBECONFIG"));
}

}  // namespace
}  // namespace oko::jobs::kubernetes

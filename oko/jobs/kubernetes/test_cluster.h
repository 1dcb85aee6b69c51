#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "oko/jobs/kubernetes/api.h"
#include "oko/storage/bucket/test_environment.h"
#include "tests/jobs/kubernetes/api_server.h"

namespace oko::jobs::kubernetes {

// A test server, and a kubeconfig for it in a folder of its own.
class ClusterTest : public ::testing::Test {
 protected:
  ClusterTest() {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder_);
    use_user("token: t");
  }
  ~ClusterTest() override { std::filesystem::remove_all(folder_); }

  void use_user(const std::string& user) const {
    std::ofstream(folder_ / "config")
        << "current-context: test\ncontexts: [{name: test, context: {cluster: c, user: u, "
           "namespace: ml}}]\nclusters: [{name: c, cluster: {server: '"
        << server_.url() << "'}}]\nusers: [{name: u, user: {" << user << "}}]\n";
  }
  // A plugin that prints the word in the file "token", and adds a line to the file "asked".
  void use_plugin() const {
    set_token("first");
    std::ofstream(folder_ / "plugin")
        << "#!/bin/sh\necho x >>" << (folder_ / "asked").string()
        << "\nprintf '{\"apiVersion\":\"client.authentication.k8s.io/v1beta1\",\"kind\":"
           "\"ExecCredential\",\"status\":{\"token\":\"%s\"}}' \"$(cat "
        << (folder_ / "token").string() << ")\"\n";
    std::filesystem::permissions(folder_ / "plugin", std::filesystem::perms::owner_all);
    use_user(
        "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./plugin, "
        "interactiveMode: Never}");
  }
  void set_token(const std::string& token) const { std::ofstream(folder_ / "token") << token; }
  std::size_t times_asked() const {
    std::ifstream file(folder_ / "asked");
    return std::string(std::istreambuf_iterator<char>(file), {}).size() / 2;
  }
  Environment environment() const {
    return storage::bucket::environment_of({{"KUBECONFIG", (folder_ / "config").string()}});
  }
  static storage::http::Policy quick() {
    using std::chrono::milliseconds;
    return {milliseconds(1), milliseconds(5), milliseconds(3000), milliseconds(50)};
  }

  std::filesystem::path folder_;
  oko::testing::ApiServer server_;
};

}  // namespace oko::jobs::kubernetes

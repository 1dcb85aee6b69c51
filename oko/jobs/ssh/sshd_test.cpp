#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "oko/base/command.h"
#include "oko/base/error.h"
#include "oko/jobs/ssh/connection.h"
#include "oko/jobs/ssh/folder.h"
#include "oko/jobs/ssh/host.h"

// With real servers on loopback, started by tests/jobs/ssh/sshd.sh.
namespace oko::jobs::ssh {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

template <typename Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

void write_file(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}
std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class WithServers : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string name = "/tmp/oko-XXXXXX";  // short: it holds sockets
    root_ = mkdtemp(name.data());
    std::string output;
    const auto result =
        run_command({{OKO_SSHD_SCRIPT, "start", root_ / "servers", "a", "b"}, {}, {}, 60});
    running_ = result.code == 0;
    skipped_ = result.code == 77;
    ASSERT_TRUE(running_ || skipped_) << result.errors;
    setenv("OKO_SSH", ("ssh -F " + (root_ / "servers/config").string()).c_str(), 1);
    setenv("XDG_RUNTIME_DIR", (root_ / "servers/run").c_str(), 1);
  }
  static void TearDownTestSuite() {
    run_command({{OKO_SSHD_SCRIPT, "stop", root_ / "servers"}, {}, {}, 60});
    fs::remove_all(root_);
  }
  void SetUp() override {
    if (skipped_) GTEST_SKIP() << "there is no sshd";
  }

  static Connection to(const std::string& hosts) { return {parse_hosts(hosts).front(), ""}; }
  static fs::path home(const char* host) { return root_ / "servers" / host / "home"; }
  // A new job's folder on both hosts, worker 1 on the second.
  std::unique_ptr<Folder> job() const { return open_remote_folder(parse_hosts("a,b"), "", path()); }
  std::string path() const {
    return std::string("jobs/it's ") +
           testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  fs::path on(const char* host) const { return home(host) / path(); }

  static inline fs::path root_;
  static inline bool running_ = false, skipped_ = false;
  NoProgress progress_;
};

TEST_F(WithServers, ScriptsRunInTheHomeFolderWithTheirInput) {
  EXPECT_EQ(to("a").ask("pwd"), home("a").string() + "\n");
  EXPECT_EQ(to("b").ask("pwd"), home("b").string() + "\n");
  std::string binary;
  for (int i = 0; i < 100000; ++i) binary += static_cast<char>(i * 7);
  EXPECT_EQ(to("a").ask("cat", binary), binary);
  EXPECT_EQ(to("a").ask("printf '%s' 'it'\\''s \"$HOME\" !x'"), "it's \"$HOME\" !x");
  const auto result = to("a").run("echo why >&2; exit 7");
  EXPECT_EQ(result.code, 7);
  EXPECT_EQ(result.errors, "why\n");
}

TEST_F(WithServers, CallsShareOneConnection) {
  const Connection host = to("a");
  const std::string first = host.ask("echo $SSH_CONNECTION");
  EXPECT_EQ(host.ask("echo $SSH_CONNECTION"), first);
  EXPECT_EQ(to("a").ask("echo $SSH_CONNECTION"), first);
  EXPECT_NE(Connection(parse_hosts("a").front(), root_ / "servers/key").ask("echo $SSH_CONNECTION"),
            first);
  struct stat info {};
  ASSERT_EQ(stat((root_ / "servers/run/oko-ssh").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST_F(WithServers, ReportsWhyAHostCannotBeReached) {
  const std::string port = [] {
    std::ifstream config(root_ / "servers/a/sshd_config");
    std::string line;
    std::getline(config, line);
    return line.substr(line.rfind(':') + 1);
  }();
  EXPECT_THAT(error_of([&] { to("127.0.0.2:" + port).ask("true"); }), HasSubstr("127.0.0.2"));
  EXPECT_THAT(error_of([&] { to("localhost:" + port).ask("true"); }),
              HasSubstr("host key is not known"));
  EXPECT_THAT(error_of([&] { to("127.0.0.1:1").ask("true"); }), HasSubstr("nothing listens"));
  EXPECT_THAT(error_of([&] { to("no-such-host.invalid").ask("true"); }),
              HasSubstr("no host of that name"));
  EXPECT_THAT(error_of([&] { to("nobody-of-this-name@a").ask("true"); }),
              HasSubstr("refused the login"));

  // Another machine under the same address.
  const std::string known = read_file(root_ / "servers/known_hosts");
  write_file(root_ / "servers/known_hosts",
             "[127.0.0.1]:" + port + " " + known.substr(known.rfind("ssh-ed25519")));
  fs::copy(root_ / "servers/key", root_ / "key");  // another key, another connection
  const Connection other(parse_hosts("127.0.0.1:" + port).front(), root_ / "key");
  EXPECT_THAT(error_of([&] { other.ask("true"); }),
              HasSubstr("another host key than the last time"));
  write_file(root_ / "servers/known_hosts", known);
  EXPECT_EQ(other.ask("echo it is back"), "it is back\n");
}

TEST_F(WithServers, ReportsASshThatIsMissing) {
  const std::string ssh = getenv("OKO_SSH");
  setenv("OKO_SSH", "/no/such/ssh", 1);
  EXPECT_THAT(error_of([&] { to("a").ask("true"); }), HasSubstr("OpenSSH"));
  setenv("OKO_SSH", ssh.c_str(), 1);
}

TEST_F(WithServers, FolderReadsAndWritesSmallFiles) {
  const auto folder = job();
  EXPECT_EQ(folder->read("state.json"), std::nullopt);
  folder->write("state.json", "one");
  EXPECT_EQ(folder->read("state.json"), "one");
  folder->write("state.json", std::string("t\0wo\n", 5));
  EXPECT_EQ(folder->read("state.json"), std::string("t\0wo\n", 5));
  folder->write("state.json", "");
  EXPECT_EQ(folder->read("state.json"), "");
  EXPECT_EQ(read_file(on("b") / "state.json"), "");
  EXPECT_TRUE(fs::exists(on("b") / "state.json"));
  EXPECT_EQ(std::distance(fs::directory_iterator(on("a")), {}), 1) << "temporary files are left";

  EXPECT_TRUE(folder->create("cancel.json", "first"));
  EXPECT_FALSE(folder->create("cancel.json", "second"));
  EXPECT_EQ(read_file(on("a") / "cancel.json"), "first");
  EXPECT_EQ(read_file(on("b") / "cancel.json"), "first");

  folder->remove("cancel.json");
  folder->remove("cancel.json");
  EXPECT_FALSE(fs::exists(on("b") / "cancel.json"));
  EXPECT_THAT(folder->place(), HasSubstr("a:jobs/"));
}

TEST_F(WithServers, FolderRejectsNamesOutsideAndFilesThatAreTooLong) {
  const auto folder = job();
  for (const char* name : {"../x", "/x", "", "a//b", "a/../b"}) {
    EXPECT_THROW(folder->write(name, "x"), Error) << name;
    EXPECT_THROW(folder->read(name), Error) << name;
    EXPECT_THROW(folder->remove(name), Error) << name;
  }
  write_file(on("a") / "long", std::string((1 << 20) + 1, 'x'));
  EXPECT_THAT(error_of([&] { folder->read("long"); }), HasSubstr("too long"));
}

TEST_F(WithServers, FolderFollowsLogsOnTheHostOfTheirWorker) {
  const auto folder = job();
  EXPECT_EQ(folder->size("logs/worker-1.log"), 0U);
  EXPECT_EQ(folder->read_from("logs/worker-1.log", 0), "");
  write_file(on("a") / "logs/worker-0.log", "zero\n");
  write_file(on("b") / "logs/worker-1.log", "one\ntwo\n");
  EXPECT_EQ(folder->read_from("logs/worker-0.log", 0), "zero\n");
  EXPECT_EQ(folder->read_from("logs/worker-1.log", 0), "one\ntwo\n");
  EXPECT_EQ(folder->read_from("logs/worker-1.log", 4), "two\n");
  EXPECT_EQ(folder->read_from("logs/worker-1.log", 8), "");
  EXPECT_EQ(folder->read_from("logs/worker-1.log", 100), "");
  EXPECT_EQ(folder->size("logs/worker-1.log"), 8U);
  write_file(on("a") / "big", std::string(5 << 20, 'x'));
  EXPECT_EQ(folder->read_from("big", 0).size(), std::size_t{4} << 20);
  EXPECT_EQ(folder->read_from("big", 4 << 20).size(), std::size_t{1} << 20);
}

TEST_F(WithServers, FolderCopiesFoldersAndFilesBothWays) {
  const fs::path tree = root_ / "tree";
  const std::string odd = "-it's \"$(id)\" \\ *;ü\n.jpg";
  write_file(tree / "a/b" / odd, std::string(300000, 'x'));
  write_file(tree / "a/empty", "");
  write_file(tree / std::string(150, 'n') / std::string(120, 'm'), "long name");
  write_file(root_ / "elsewhere", "linked");
  fs::create_symlink(root_ / "elsewhere", tree / "link");
  const auto folder = job();
  folder->put(tree, "inputs/0-photos", progress_);
  folder->put(tree, "inputs/0-photos", progress_);  // again: of an interrupted submission
  folder->put(root_ / "elsewhere", "inputs/1-file", progress_);
  for (const char* host : {"a", "b"}) {
    const fs::path copy = on(host) / "inputs/0-photos";
    EXPECT_EQ(read_file(copy / "a/b" / odd), std::string(300000, 'x'));
    EXPECT_TRUE(fs::exists(copy / "a/empty"));
    EXPECT_EQ(read_file(copy / std::string(150, 'n') / std::string(120, 'm')), "long name");
    EXPECT_FALSE(fs::is_symlink(copy / "link"));
    EXPECT_EQ(read_file(copy / "link"), "linked");
    EXPECT_EQ(read_file(on(host) / "inputs/1-file"), "linked");
    EXPECT_EQ(std::distance(fs::directory_iterator(on(host) / "inputs"), {}), 2);
  }
  folder->fetch("inputs/0-photos", root_ / "back", progress_);
  EXPECT_EQ(read_file(root_ / "back/a/b" / odd), std::string(300000, 'x'));
  folder->fetch("inputs/1-file", root_ / "back-file", progress_);
  EXPECT_EQ(read_file(root_ / "back-file"), "linked");
  EXPECT_THAT(error_of([&] { folder->fetch("none", root_ / "x", progress_); }),
              HasSubstr("does not exist"));
  EXPECT_FALSE(fs::exists(root_ / "x.oko-part"));
  EXPECT_THAT(error_of([&] { folder->put(root_ / "none", "inputs/2", progress_); }),
              HasSubstr("does not exist"));
}

TEST_F(WithServers, ReportsAFullDisk) {
  if (!fs::exists("/dev/full")) GTEST_SKIP();
  EXPECT_THAT(error_of([&] { to("a").ask("cat >/dev/full", "text"); }), HasSubstr("disk is full"));
}

}  // namespace
}  // namespace oko::jobs::ssh

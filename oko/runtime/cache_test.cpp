// What happens to a cache of packed weights outside of this process: the order in which it reaches
// the disk, other processes, disks that are full, links.
#include <gtest/gtest.h>
#include <oko/oko.h>

#if !defined(__EMSCRIPTEN__) && defined(__linux__)
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "oko/graph/builtin.h"
#include "oko/graph/oko_file.h"
#include "oko/graph/synthetic.h"

namespace {
std::vector<std::string>* calls = nullptr;  // null: they are not recorded

std::string name_of(int descriptor) {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor), ignored)
      .filename()
      .string();
}
}  // namespace

// The C library's functions, for this whole program.
extern "C" int fsync(int descriptor) {
  if (calls != nullptr) calls->push_back("flush " + name_of(descriptor));
  return static_cast<int>(syscall(SYS_fsync, descriptor));
}
extern "C" int rename(const char* from, const char* to) noexcept {
  if (calls != nullptr)
    calls->push_back("rename to " + std::filesystem::path(to).filename().string());
  return static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0U));
}

namespace oko::runtime {
namespace {

class Cache : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_cache_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    path_ = folder_ + "/packed";
    graph::Network network =
        graph::make_builtin("yolov3-tiny", {.classes = 2, .width = 64, .height = 64});
    graph::fill_synthetic_weights(network);
    bytes_ = graph::write_oko(network);
  }
  void TearDown() override {
    calls = nullptr;
    std::filesystem::remove_all(folder_);
  }

  enum Opened { kNot, kPacked, kFromCache };
  Opened open() const {
    oko_model_options options{};
    options.struct_size = sizeof options;
    options.cache_path = path_.c_str();
    oko_model* model = nullptr;
    if (oko_model_open_memory(bytes_.data(), bytes_.size(), nullptr, nullptr, &options, &model) !=
        OKO_OK) {
      return kNot;
    }
    oko_model_info info{};
    info.struct_size = sizeof info;
    oko_model_describe(model, &info);
    oko_model_close(model);
    return info.cache_hit != 0 ? kFromCache : kPacked;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      all.push_back(entry.path().filename().string());
    }
    return all;
  }

  std::string folder_, path_;
  std::vector<std::byte> bytes_;
};

// Otherwise a power cut could leave the name without the content.
TEST_F(Cache, IsFlushedBeforeItIsRenamed) {
  std::vector<std::string> seen;
  calls = &seen;
  EXPECT_EQ(open(), kPacked);
  calls = nullptr;
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_TRUE(seen[0].starts_with("flush packed.part")) << seen[0];
  EXPECT_EQ(seen[1], "rename to packed");
  EXPECT_EQ(seen[2], "flush " + std::filesystem::path(folder_).filename().string());
  EXPECT_EQ(open(), kFromCache);
  EXPECT_EQ(names(), std::vector<std::string>{"packed"});
}

TEST_F(Cache, ThatDoesNotFitOnTheDiskIsNotThere) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1 << 20;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_EQ(open(), kPacked);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(names().empty());
  EXPECT_EQ(open(), kPacked);
  EXPECT_EQ(open(), kFromCache);
}

TEST_F(Cache, IsWholeWhicheverProcessWroteIt) {
  std::vector<pid_t> children;
  for (int child = 0; child < 6; ++child) {
    const pid_t process = fork();
    if (process == 0) {
      for (int i = 0; i < 5; ++i) {
        if (open() == kNot) _exit(1);
        if (i < 3 && child % 2 == 0) unlink(path_.c_str());  // so that it is written again
      }
      _exit(0);
    }
    children.push_back(process);
  }
  for (const pid_t process : children) {
    int status = -1;
    ASSERT_EQ(waitpid(process, &status, 0), process);
    EXPECT_EQ(status, 0);
  }
  EXPECT_NE(open(), kNot);
  EXPECT_EQ(open(), kFromCache);
  EXPECT_EQ(names(), std::vector<std::string>{"packed"});
}

TEST_F(Cache, BehindALinkLeavesWhatTheLinkNames) {
  const std::string other = folder_ + "/other";
  std::ofstream(other) << "not packed weights";
  std::filesystem::create_symlink(other, path_);
  EXPECT_EQ(open(), kPacked);
  EXPECT_EQ(std::filesystem::file_size(other), 18U);
  EXPECT_TRUE(std::filesystem::is_symlink(path_));

  // A link to nothing is replaced, and nothing is made where it points.
  std::filesystem::remove(other);
  EXPECT_EQ(open(), kPacked);
  EXPECT_FALSE(std::filesystem::exists(other));
  EXPECT_FALSE(std::filesystem::is_symlink(path_));
  EXPECT_EQ(open(), kFromCache);

  // So is one to a damaged cache.
  std::filesystem::rename(path_, other);
  std::filesystem::resize_file(other, 1000);
  std::filesystem::create_symlink(other, path_);
  EXPECT_EQ(open(), kPacked);
  EXPECT_EQ(std::filesystem::file_size(other), 1000U);
  EXPECT_EQ(open(), kFromCache);

  // And a circle is no file at all.
  std::filesystem::remove(path_);
  std::filesystem::create_symlink(path_, path_);
  EXPECT_EQ(open(), kPacked);
  EXPECT_TRUE(std::filesystem::is_symlink(path_));
}

}  // namespace
}  // namespace oko::runtime
#endif

#include "oko/package/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "oko/base/error.h"
#include "oko/package/installation.h"
#include "oko/package/libraries.h"
#include "oko/package/process.h"
#include "oko/package/test_folder.h"
#include "oko/package/test_installation.h"
#include "oko/storage/store.h"

namespace oko::package {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::size_t kMost = std::size_t{1} << 20;

std::string run(const std::vector<std::string>& words,
                const std::vector<std::string>& environment = {}, int code = 0) {
  const ProcessResult result =
      run_process({.words = words, .environment = environment, .input = {}, .most_output = kMost});
  EXPECT_EQ(result.exit_code, code) << words.front();
  return result.output;
}

// Unpacks a bundle of the small installation, and returns its folder.
std::string unpacked(const TestFolder& folder, const std::string& into) {
  NoProgress progress;
  make_bundle({small_installation(folder)}, folder / "b.tar", progress);
  fs::create_directories(folder / into);
  run({"tar", "xf", folder / "b.tar", "-C", folder / into});
  return folder / (into + "/oko");
}

TEST(LoaderList, IsRead) {
  const Linked linked = parse_loader_list(
      "\tlinux-vdso.so.1 (0x00007ffd)\n"
      "\tlibcuda.so.1 => not found\n"
      "\tlibc.so.6 => /lib/x/libc.so.6 (0x00007f02)\n"
      "\t/lib64/ld-linux-x86-64.so.2 (0x00007f03)\n",
      "oko");
  EXPECT_EQ(linked.loader, "/lib64/ld-linux-x86-64.so.2");
  ASSERT_EQ(linked.libraries.size(), 1u);
  EXPECT_EQ(linked.libraries[0].name, "libc.so.6");
  EXPECT_EQ(linked.libraries[0].path, "/lib/x/libc.so.6");
}

TEST(LoaderList, NamesAMissingLibrary) {
  try {
    parse_loader_list("\tlibtorch.so => not found\n", "oko");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("libtorch.so"));
  }
  EXPECT_THROW(parse_loader_list("\tstatically linked\n", "oko"), Error);
}

TEST(Bundle, IsTheSameForTheSameFiles) {
  const TestFolder folder;
  const std::string program = small_installation(folder);
  NoProgress progress;
  const Bundle first = make_bundle({program}, folder / "a.tar.gz", progress);
  const Bundle second = make_bundle({program}, folder / "b.tar.gz", progress);
  EXPECT_EQ(first.sha256, second.sha256);
  EXPECT_EQ(first.sha256, storage::sha256(storage::read(folder / "a.tar.gz").span()));
  EXPECT_EQ(first.bytes, fs::file_size(folder / "b.tar.gz"));
  EXPECT_EQ(bundle_key(bundle_files({program})), bundle_key(bundle_files({program})));
}

TEST(Bundle, RunsInAnyFolderAndThroughLinks) {
  const TestFolder folder;
  const std::string oko = unpacked(folder, "a folder, moved") + "/oko";
  storage::write(folder / "text", "hello\n");
  EXPECT_EQ(run({oko, folder / "text"}), "hello\n");
  fs::create_symlink(oko, folder / "link");
  EXPECT_EQ(run({folder / "link", folder / "text"}), "hello\n");
}

TEST(Bundle, UsesItsOwnLoaderAndLibrariesAndTheMachinesDrivers) {
  const TestFolder folder;
  const std::string root = unpacked(folder, "x");
  const std::string maps = run({root + "/oko", "/proc/self/maps"}, {"LC_ALL=C"});
  EXPECT_THAT(maps, HasSubstr(fs::canonical(root).string() + "/lib/ld.so"));
  EXPECT_THAT(maps, HasSubstr(fs::canonical(root).string() + "/lib/libc.so.6"));
  EXPECT_THAT(maps, ::testing::Not(HasSubstr(" /usr/lib")));
  EXPECT_THAT(maps, ::testing::Not(HasSubstr(" /lib")));
  const std::string words =
      run({root + "/oko", "/proc/self/cmdline"}, {"LD_LIBRARY_PATH=/usr/local/nvidia/lib64"});
  EXPECT_THAT(words, HasSubstr(root + "/lib:/usr/local/nvidia/lib64"));
}

TEST(Bundle, SaysHowToStartItAgainAndWhereEncodingsAre) {
  const TestFolder folder;
  const std::string root = unpacked(folder, "x");
  const std::string environment = run({root + "/bin/oko", "/proc/self/environ"});
  EXPECT_THAT(environment, HasSubstr("OKO_PROGRAM=" + root + "/bin/oko"));
  EXPECT_THAT(environment, HasSubstr("GCONV_PATH=" + root + "/lib/gconv"));
}

TEST(Bundle, RefusesAFolderThatTheLoaderWouldSplit) {
  const TestFolder folder;
  run({unpacked(folder, "a:b") + "/oko", folder / "text"}, {}, 1);
}

TEST(Bundle, OfABundleIsTheSame) {
  const TestFolder folder;
  const std::string root = unpacked(folder, "x");
  storage::write(root + "/notes of the user", "not part of it");
  NoProgress progress;
  make_bundle({root + "/bin/oko"}, folder / "again.tar", progress);
  EXPECT_TRUE(storage::read_text(folder / "again.tar") == storage::read_text(folder / "b.tar"));
}

TEST(Bundle, NamesWhatIsMissing) {
  const TestFolder folder;
  EXPECT_THROW(bundle_files({folder / "none"}), Error);
  const std::string program = small_installation(folder);
  fs::remove(folder / "small/libexec/oko-launcher");
  try {
    bundle_files({program});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.place(), HasSubstr("oko-launcher"));
  }
}

bool has(const std::vector<BundleFile>& files, const std::string& name) {
  return std::ranges::any_of(files, [&](const BundleFile& file) { return file.name == name; });
}

// What it has for OpenCV's video library: a file, a link to what stands in for it, or nothing.
std::string video_in(const std::vector<BundleFile>& files) {
  for (const BundleFile& file : files) {
    if (file.name.starts_with("lib/libopencv_videoio.so.")) return file.link + file.path;
  }
  return {};
}

TEST(Bundle, HasVideoOnlyIfItIsWhole) {
  EXPECT_EQ(video_in(bundle_files({OKO_PROGRAM})), "oko-stand-in.so");
  EXPECT_THAT(video_in(bundle_files({OKO_PROGRAM, true})), HasSubstr("/libopencv_videoio.so."));
}

TEST(Bundle, OfOkoHasItsLibrariesAndNoDriver) {
  const std::vector<BundleFile> files = bundle_files({OKO_PROGRAM});
  for (const char* name :
       {"oko", "bin/oko", "libexec/oko-commands", "lib/programs/oko", "lib/programs/oko-commands",
        "lib/ld.so", "lib/libstdc++.so.6", "lib/gconv/gconv-modules"}) {
    EXPECT_TRUE(has(files, name)) << name;
  }
  EXPECT_TRUE(std::ranges::is_sorted(files, {}, &BundleFile::name));
  for (const BundleFile& file : files) EXPECT_FALSE(file.name.starts_with("lib/libcuda.so"));
}

}  // namespace
}  // namespace oko::package

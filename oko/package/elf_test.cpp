#include "oko/package/elf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "oko/base/error.h"
#include "oko/package/needed.h"
#include "oko/storage/store.h"

namespace oko::package {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

TEST(Elf, OfThisProgramNamesItsLibrariesAndSymbols) {
  const ElfFile elf = read_elf(storage::read("/proc/self/exe"), "self");
  EXPECT_THAT(elf.needed, Contains("libc.so.6"));
  EXPECT_TRUE(elf.imported.contains("memcpy"));
  EXPECT_FALSE(elf.defined.contains("memcpy"));
}

TEST(Elf, ThatIsDamagedIsRefused) {
  const Bytes whole = storage::read("/bin/cat");
  for (std::size_t size = 0; size < whole.size(); size += 1 + size / 3) {
    EXPECT_THROW(read_elf(whole.part(0, size), "cat"), Error) << size;
  }
  EXPECT_THROW(read_elf(Bytes(std::string_view("#!/bin/sh\n")), "sh"), Error);
}

ElfFile elf(std::vector<std::string_view> needed, std::unordered_set<std::string_view> defined,
            std::unordered_set<std::string_view> imported) {
  return {Bytes(), std::move(needed), std::move(defined), std::move(imported)};
}

TEST(Needed, IsNotALibraryOfWhichNothingIsUsed) {
  const std::map<std::string, ElfFile> files = {
      {"oko", elf({"libtorch.so", "libx.so"}, {}, {"train"})},
      {"libtorch.so", elf({"libavcodec.so.59", "libc.so"}, {"train"}, {"printf"})},
      {"libx.so", elf({}, {}, {})},  // may register itself: not one that may be absent
      {"libavcodec.so.59", elf({"libx265.so"}, {"decode"}, {})},
      {"libx265.so", elf({}, {}, {})},
      {"libc.so", elf({}, {"printf"}, {})}};
  EXPECT_THAT(needed_files(files, {"oko"}, elf({}, {}, {})),
              ElementsAre("libc.so", "libtorch.so", "libx.so", "oko"));
}

TEST(Needed, IsALibraryWhoseSymbolsNothingElseDefines) {
  std::map<std::string, ElfFile> files = {
      {"oko", elf({"libavcodec.so.59"}, {}, {"decode", "other"})},
      {"libavcodec.so.59", elf({"libx265.so"}, {"decode"}, {})},
      {"libx265.so", elf({}, {}, {})}};
  EXPECT_THAT(needed_files(files, {"oko"}, elf({}, {}, {})),
              ElementsAre("libavcodec.so.59", "libx265.so", "oko"));
  EXPECT_THAT(needed_files(files, {"oko"}, elf({}, {"decode"}, {})), ElementsAre("oko"));
}

TEST(Needed, IncludesTheBaseOfOpenCv) {
  EXPECT_FALSE(may_be_absent("libopencv_core.so.406"));
  EXPECT_FALSE(may_be_absent("libtorch_cuda.so"));
  EXPECT_TRUE(may_be_absent("libopencv_videoio.so.406"));
}

}  // namespace
}  // namespace oko::package

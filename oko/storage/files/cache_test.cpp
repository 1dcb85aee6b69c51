#include "oko/storage/files/cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "oko/storage/checksum.h"

namespace oko::storage {
namespace {

namespace fs = std::filesystem;

class Caches : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_cache_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static Piece piece(const std::string& name, std::uint64_t size) {
    return {"gs://b/" + name, "1", 0, size, {}};
  }
  static Bytes content(std::size_t size, char fill) { return Bytes(std::string(size, fill)); }
  static std::string text(const std::optional<Bytes>& bytes) {
    return bytes ? std::string(bytes->text()) : "(nothing)";
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      if (entry.is_regular_file()) found.push_back(entry.path());
    }
    return found;
  }
  // As if a day had passed since anything was used.
  void age() const {
    for (const fs::path& path : files()) {
      fs::last_write_time(path, fs::last_write_time(path) - std::chrono::hours(24));
    }
  }

  std::string folder_;
};

TEST_F(Caches, FindWhatWasKeptOfThatVersionAndRange) {
  DiskCache cache(folder_, 1 << 20);
  EXPECT_FALSE(cache.find(piece("a", 5)));
  EXPECT_TRUE(cache.keep(piece("a", 5), content(5, 'a').span()));
  EXPECT_EQ(text(cache.find(piece("a", 5))), "aaaaa");
  Piece other = piece("a", 5);
  other.version = "2";
  EXPECT_FALSE(cache.find(other));
  other = piece("a", 5);
  other.offset = 1;
  EXPECT_FALSE(cache.find(other));
  cache.drop(piece("a", 5));
  EXPECT_FALSE(cache.find(piece("a", 5)));
  EXPECT_TRUE(cache.keep(piece("empty", 0), {}));
  EXPECT_EQ(text(cache.find(piece("empty", 0))), "");
  EXPECT_EQ(text(DiskCache(folder_, 1 << 20).find(piece("empty", 0))), "");
}

TEST_F(Caches, KeepNothingWithoutAVersionOrOfAnotherSize) {
  DiskCache cache(folder_, 1 << 20);
  Piece any = piece("a", 5);
  any.version.clear();
  EXPECT_FALSE(cache.keep(any, content(5, 'a').span()));
  EXPECT_FALSE(cache.keep(piece("a", 6), content(5, 'a').span()));
  DiskCache none(folder_, 0);
  EXPECT_FALSE(none.keep(piece("a", 5), content(5, 'a').span()));
  EXPECT_FALSE(none.has_room(1));
  EXPECT_FALSE(fs::exists(folder_));
}

TEST_F(Caches, NeverReturnWhatAPowerCutLeft) {
  DiskCache cache(folder_, 1 << 20);
  for (const auto& damage : std::vector<std::function<void(const fs::path&)>>{
           [](const fs::path& path) { fs::resize_file(path, 900); },
           [](const fs::path& path) { fs::resize_file(path, 0); },
           [](const fs::path& path) {
             std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
             file.seekp(500);
             file.put('b');
           }}) {
    ASSERT_TRUE(cache.keep(piece("a", 1000), content(1000, 'a').span()));
    ASSERT_EQ(files().size(), 1u);
    damage(files()[0]);
    EXPECT_FALSE(cache.find(piece("a", 1000)));
    EXPECT_TRUE(files().empty());
  }
}

TEST_F(Caches, StayBelowTheirLimitAndKeepWhatIsInUse) {
  constexpr std::uint64_t kSize = 100'000, kLimit = 1'000'000;
  DiskCache cache(folder_, kLimit);
  int kept = 0;
  for (int i = 0; i < 20; ++i) {
    kept += cache.keep(piece(std::to_string(i), kSize), content(kSize, 'x').span());
  }
  EXPECT_EQ(kept, 9);
  EXPECT_FALSE(cache.has_room(kSize));
  std::uint64_t bytes = 0;
  for (const fs::path& path : files()) bytes += fs::file_size(path);
  EXPECT_LE(bytes, kLimit);
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(cache.find(piece(std::to_string(i), kSize))) << i;
}

TEST_F(Caches, MakeRoomFromWhatIsLongestUnused) {
  constexpr std::uint64_t kSize = 100'000, kLimit = 1'000'000;
  {
    DiskCache before(folder_, kLimit);
    for (int i = 0; i < 9; ++i) {
      ASSERT_TRUE(before.keep(piece(std::to_string(i), kSize), content(kSize, 'x').span()));
    }
  }
  age();
  DiskCache cache(folder_, kLimit);
  EXPECT_TRUE(cache.find(piece("3", kSize)));
  int kept = 0;
  for (int i = 100; i < 120; ++i) {
    kept += cache.keep(piece(std::to_string(i), kSize), content(kSize, 'y').span());
  }
  EXPECT_EQ(kept, 8);
  EXPECT_TRUE(cache.find(piece("3", kSize)));
  EXPECT_FALSE(cache.find(piece("4", kSize)));
  EXPECT_TRUE(cache.find(piece("100", kSize)));
}

TEST_F(Caches, WorkWithoutAUsableDisk) {
  std::ofstream(folder_) << "a file where the folder should be";
  DiskCache cache(folder_, 1 << 20);
  EXPECT_FALSE(cache.keep(piece("a", 5), content(5, 'a').span()));
  EXPECT_FALSE(cache.find(piece("a", 5)));
}

}  // namespace
}  // namespace oko::storage

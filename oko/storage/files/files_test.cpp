#include "oko/storage/files/files.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "oko/base/error.h"
#include "oko/base/threads.h"
#include "oko/storage/checksum.h"
#include "oko/storage/files/cache.h"
#include "oko/storage/test_noise.h"
#include "tests/storage/test_google.h"

namespace oko::storage {
namespace {

using ::testing::HasSubstr;

class FilesInABucket : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_files_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string name(int i) { return "gs://oko-test/d/f" + std::to_string(100 + i); }
  static void write_files(int count, std::size_t size) {
    for (int i = 0; i < count; ++i) {
      write(name(i), noise(size + static_cast<std::size_t>(i), static_cast<std::uint64_t>(i)));
    }
  }
  static void add_listed(Files& files) {
    for (const Entry& entry : list("gs://oko-test/d", true)) files.add(entry);
  }
  // A file of parts named ".../shard/0", "1", …, each registered with its checksum.
  void write_shard(Files& files, const std::string& uri, int count, std::size_t size) {
    std::string all;
    std::vector<Piece> pieces;
    for (int i = 0; i < count; ++i) {
      const std::string part = noise(size + static_cast<std::size_t>(i), 50 + i);
      all.append(512, '-');
      pieces.push_back({uri, "", all.size(), part.size(), crc32c(Bytes(part).span())});
      all += part;
    }
    write(uri, all);
    const std::string version = stat(uri)->version;
    for (int i = 0; i < count; ++i) {
      pieces[i].version = version;
      files.add(uri + "/" + std::to_string(i), pieces[i]);
    }
  }

  std::string folder_;
  testing::TestGoogle google_;
};

TEST_F(FilesInABucket, AreRequestedOnceWhateverReadsThem) {
  write_files(20, 5000);
  DiskCache cache(folder_, 1 << 20);
  Files files(cache);
  add_listed(files);
  const std::uint64_t before = google_.requests();
  std::vector<std::thread> readers;
  for (int t = 0; t < 4; ++t) {
    readers.emplace_back([&] {
      for (int i = 0; i < 20; ++i) EXPECT_EQ(files.read(name(i)).text(), noise(5000 + i, i));
    });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(google_.requests() - before, 20u);
  EXPECT_EQ(files.read_part(name(3), 0, 10).text(), noise(5003, 3).substr(0, 10));
  EXPECT_EQ(files.size(name(3)), 5003u);
  DiskCache again(folder_, 1 << 20);  // another process
  Files later(again);
  add_listed(later);
  const std::uint64_t listed = google_.requests();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(later.read(name(i)).text(), noise(5000 + i, i));
  EXPECT_EQ(google_.requests(), listed);
}

TEST_F(FilesInABucket, AreReadAheadIntoTheCache) {
  write_files(60, 2000);
  DiskCache cache(folder_, 1 << 20);
  Files files(cache);
  add_listed(files);
  std::vector<std::string> names;
  for (int i = 0; i < 60; ++i) names.push_back(name(i));
  names.push_back("gs://oko-test/d/not-listed");
  const std::uint64_t before = google_.requests();
  files.read_ahead(names);
  for (int i = 59; i >= 0; --i) EXPECT_EQ(files.read(name(i)).text(), noise(2000 + i, i));
  EXPECT_EQ(google_.requests() - before, 60u);
}

TEST_F(FilesInABucket, AreReadInPartsIfTheyCannotBeCached) {
  write_files(1, 5000);
  DiskCache cache(folder_, 0);
  Files files(cache);
  add_listed(files);
  const std::string whole = noise(5000, 0);
  EXPECT_EQ(files.read_part(name(0), 0, 100).text(), whole.substr(0, 100));
  EXPECT_EQ(files.read_part(name(0), 4990, 100).text(), whole.substr(4990));
  EXPECT_EQ(files.read_part(name(0), 5001, 100).text(), "");
  EXPECT_EQ(files.read_part(name(0), 0, 9000).text(), whole);
}

// More than the cache holds: prefetched into memory, hardly anything twice.
TEST_F(FilesInABucket, AreReadAheadWithoutRoomOnDisk) {
  write_files(40, 30'000);
  DiskCache cache(folder_, 200'000);
  Files files(cache);
  add_listed(files);
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) names.push_back(name(i));
  const std::uint64_t before = google_.requests();
  for (int round = 0; round < 2; ++round) {
    files.read_ahead(names);
    for (int i = 0; i < 40; ++i) EXPECT_EQ(files.read(name(i)).text(), noise(30'000 + i, i));
  }
  EXPECT_GE(google_.requests() - before, 40u + 34u);  // five or so are kept
  EXPECT_LE(google_.requests() - before, 80u);
}

TEST_F(FilesInABucket, MayBeForgottenWhileTheyAreReadAhead) {
  write_files(60, 2000);
  DiskCache cache(folder_, 0);
  std::vector<std::string> names;
  for (int i = 0; i < 60; ++i) names.push_back(name(i));
  for (int round = 0; round < 10; ++round) {
    Files files(cache);
    add_listed(files);
    files.read_ahead(names);
    files.read_ahead({name(5)});
    EXPECT_EQ(files.read(name(5)).text(), noise(2005, 5));
    files.read_ahead(names);
  }
}

TEST_F(FilesInABucket, ThatWereReplacedAreAConflict) {
  write_files(1, 100);
  DiskCache cache(folder_, 1 << 20);
  Files files(cache);
  add_listed(files);
  write(name(0), "another");
  files.read_ahead({name(0)});
  EXPECT_THROW(files.read(name(0)), Conflict);
}

TEST_F(FilesInABucket, ThatAreGoneAreReported) {
  write_files(1, 100);
  DiskCache cache(folder_, 1 << 20);
  Files files(cache);
  add_listed(files);
  remove(name(0));
  EXPECT_THROW(files.read(name(0)), Error);
  EXPECT_THROW(files.read("gs://oko-test/never"), Error);
  EXPECT_EQ(files.size("gs://oko-test/never"), std::nullopt);
}

TEST_F(FilesInABucket, MayBePartsOfOne) {
  DiskCache cache(folder_, 64 << 20);
  Files files(cache);
  const std::string shard = "gs://oko-test/s/0.tar";
  write_shard(files, shard, 30, 600'000);  // 18 MB: three blocks
  const std::uint64_t before = google_.requests();
  for (int i = 29; i >= 0; --i) {
    EXPECT_EQ(files.read(shard + "/" + std::to_string(i)).text(), noise(600'000 + i, 50 + i));
  }
  EXPECT_EQ(google_.requests() - before, 3u);
}

TEST_F(FilesInABucket, MayBePartsWithoutRoomForBlocks) {
  DiskCache cache(folder_, 1 << 20);
  Files files(cache);
  const std::string shard = "gs://oko-test/s/0.tar";
  write_shard(files, shard, 30, 10'000);
  write_shard(files, "gs://oko-test/s/1.tar", 30, 100'000);
  const std::uint64_t before = google_.requests();
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(files.read(shard + "/" + std::to_string(i)).text(), noise(10'000 + i, 50 + i));
  }
  EXPECT_EQ(google_.requests() - before, 1u);
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(files.read("gs://oko-test/s/1.tar/" + std::to_string(i)).text(),
              noise(100'000 + i, 50 + i));
  }
  EXPECT_EQ(google_.requests() - before, 31u);
}

TEST_F(FilesInABucket, ReportPartsThatDoNotMatchTheIndex) {
  for (const std::string uri : {"gs://oko-test/s/0.tar", "disk"}) {
    const std::string shard = uri == "disk" ? folder_ + "/0.tar" : uri;
    DiskCache cache(folder_ + "/cache", 64 << 20);
    Files files(cache);
    write_shard(files, shard, 3, 1000);
    EXPECT_EQ(files.read(shard + "/2").text(), noise(1002, 52));
    files.add(shard + "/1", {shard, stat(shard)->version, 100, 1000, 12345});
    try {
      files.read(shard + "/1");
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.place(), shard);
      EXPECT_THAT(error.message(),
                  HasSubstr("its bytes 100 to 1100 differ from those in the index"));
    }
    EXPECT_EQ(files.read(shard + "/2").text(), noise(1002, 52));
  }
}

TEST(FilesOnDisk, AreReadDirectly) {
  const std::string path = ::testing::TempDir() + "oko_files_on_disk";
  write(path, "content");
  DiskCache cache(::testing::TempDir() + "oko_files_no_cache", 1 << 20);
  Files files(cache);
  files.add(*stat(path));
  files.read_ahead({path});
  EXPECT_EQ(files.read(path).text(), "content");
  EXPECT_EQ(files.read_part(path, 0, 3).text(), "con");
  EXPECT_EQ(files.size(path), 7u);
  remove(path);
  EXPECT_FALSE(std::filesystem::exists(cache.folder()));
}

}  // namespace
}  // namespace oko::storage

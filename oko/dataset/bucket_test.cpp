// Datasets in a bucket: the same as on disk, with every file requested once.
#include <gmock/gmock.h>

#include <cstdlib>

#include "oko/base/error.h"
#include "oko/dataset/check.h"
#include "oko/dataset/format.h"
#include "oko/dataset/loader.h"
#include "oko/dataset/pack.h"
#include "oko/dataset/test_data.h"
#include "oko/dataset/write.h"
#include "oko/storage/files/cache.h"
#include "oko/storage/store.h"
#include "tests/storage/test_google.h"

namespace oko::dataset {
namespace {

// This program has its own, empty cache; set before first use.
const std::string kCache = ::testing::TempDir() + "oko_dataset_bucket_cache";
const int kCacheIsSet = ::setenv("OKO_CACHE_DIR", kCache.c_str(), 1);

class DatasetsInABucket : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(kCacheIsSet, 0);
    ASSERT_EQ(storage::disk_cache().folder(), kCache);
    std::filesystem::remove_all(kCache);
    const std::string raccoon = reference_data("raccoon");
    if (raccoon.empty()) GTEST_SKIP() << "OKO_DATA has no raccoon";
    Dataset some = read(raccoon);
    some.samples.resize(20);
    for (std::size_t i = 0; i < some.samples.size(); ++i) {
      some.samples[i].split = i % 4 == 0 ? "val" : "train";
    }
    some_ = std::move(some);
  }
  void TearDown() override { std::filesystem::remove_all(kCache); }

  // The dataset in `format`, on disk and in the bucket.
  void write_both(const std::string& format) {
    NoProgress progress;
    write(some_, scratch_ / format, format, progress);
    for (const auto& file : storage::list(scratch_ / format, true)) {
      storage::copy(file.uri, there(format) + file.uri.substr((scratch_ / format).size()));
    }
  }
  static std::string there(const std::string& format) { return "gs://oko-test/" + format; }

  ScratchFolder scratch_;
  testing::TestGoogle google_;
  Dataset some_;
};

TEST_F(DatasetsInABucket, AreTheSameAsOnDiskAndRequestedOnce) {
  for (const std::string& format : format_names()) {
    SCOPED_TRACE(format);
    write_both(format);
    const std::size_t files = storage::list(there(format), true).size();
    const std::uint64_t before = google_.requests();
    NoProgress progress;
    const Dataset data = read(there(format), {format, {}, {}});
    const Dataset local = read(scratch_ / format, {format, {}, {}});
    EXPECT_EQ(data.samples.size(), local.samples.size());
    const auto findings = check(data, progress);
    EXPECT_EQ(findings.size(), check(local, progress).size());
    EXPECT_EQ(fingerprint(data), fingerprint(local));
    // Listing the folder takes two requests, the list one.
    EXPECT_LE(google_.requests() - before, files + 3);
    const std::uint64_t warm = google_.requests();
    EXPECT_EQ(fingerprint(read(there(format), {format, {}, {}})), fingerprint(data));
    EXPECT_LE(google_.requests() - warm, 3u);
  }
}

TEST_F(DatasetsInABucket, GiveTheSameBatches) {
  write_both("voc");
  write_both("shards");
  LoaderOptions options;
  options.input = {64, 64};
  options.batch = 4;
  options.threads = 3;
  options.augmentation.mosaic = .5;
  options.cache_bytes = 500'000;  // a few decoded pictures
  for (const char* format : {"voc", "shards"}) {
    SCOPED_TRACE(format);
    const Dataset data = read(there(format)), local = read(scratch_ / "voc");
    Loader here(local, options), remote(data, options);
    for (int epoch = 0; epoch < 2; ++epoch) {
      here.start(epoch);
      remote.start(epoch);
      while (auto batch = here.next()) {
        const auto other = remote.next();
        ASSERT_TRUE(other);
        EXPECT_EQ(batch->samples, other->samples);
        EXPECT_EQ(batch->inputs, other->inputs);
      }
      EXPECT_FALSE(remote.next());
    }
  }
}

TEST_F(DatasetsInABucket, ArePackedFromBucketToBucket) {
  write_both("voc");
  NoProgress progress;
  PackOptions options;
  options.shard_bytes = 1 << 20;
  const Dataset data = read(there("voc"));
  const auto shards = pack(data, there("packed"), options, progress);
  EXPECT_GT(shards.size(), 2u);
  const Dataset packed = read(there("packed"));
  EXPECT_EQ(fingerprint(packed), fingerprint(data));
  EXPECT_TRUE(packed.samples.front().image.starts_with(there("packed") + "/"));

  // Google reports checksums, so a changed shard of the same size is detected.
  const std::string shard = there("packed") + "/" + shards[0].name;
  std::string content(storage::read(shard).text());
  content[content.size() / 2] ^= 1;
  storage::write(shard, content);
  try {
    read(there("packed"));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInput);
    EXPECT_EQ(e.place(), shard);
    EXPECT_EQ(e.message(), "its checksum differs from the index");
  }
}

TEST_F(DatasetsInABucket, ReportAnImageThatWasReplacedMeanwhile) {
  write_both("keras");  // whose reader opens no images
  const Dataset data = read(there("keras"));
  storage::write(data.samples[3].image, "something else");
  EXPECT_THROW(picture_bytes(data, data.samples[3]), storage::Conflict);
}

}  // namespace
}  // namespace oko::dataset

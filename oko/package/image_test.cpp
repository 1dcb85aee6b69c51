#include "oko/package/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"
#include "oko/base/source_date.h"
#include "oko/package/test_folder.h"
#include "oko/package/test_installation.h"
#include "oko/storage/store.h"

namespace oko::package {
namespace {

using ::testing::HasSubstr;

Image build(const TestFolder& folder, const std::string& name, ImageOptions options = {}) {
  options.bundle.program = small_installation(folder);
  options.version = "1.2.3";
  NoProgress progress;
  return build_image(options, folder / name, "tag", progress);
}

TEST(Image, IsTheSameForTheSameFiles) {
  const TestFolder folder;
  const Image a = build(folder, "a"), b = build(folder, "b");
  EXPECT_EQ(a.digest, b.digest);
  EXPECT_EQ(storage::read_text(folder / "a/index.json"),
            storage::read_text(folder / "b/index.json"));
  ImageOptions later;
  later.created = 1'000'000'000;
  const Image c = build(folder, "c", later);
  EXPECT_NE(c.digest, a.digest);
  EXPECT_THAT(storage::read_text(c.blob_path(c.digest)), HasSubstr("2001-09-09T01:46:40Z"));
}

TEST(Image, HasItsBlobsUnderTheirDigests) {
  const TestFolder folder;
  const Image image = build(folder, "a");
  ASSERT_EQ(image.layers.size(), 2u);
  const Manifest manifest = parse_manifest(storage::read_text(image.blob_path(image.digest)), "m");
  std::vector<Descriptor> blobs = manifest.layers;
  blobs.push_back(manifest.config);
  for (const Descriptor& blob : blobs) {
    const Bytes content = storage::read(image.blob_path(blob.digest));
    EXPECT_EQ(content.size(), blob.size);
    EXPECT_EQ("sha256:" + storage::sha256(content.span()), blob.digest);
  }
  const Json config = parse_json(storage::read_text(image.blob_path(manifest.config.digest)), "c");
  EXPECT_EQ(config["config"]["Labels"]["org.opencontainers.image.version"], "1.2.3");
  EXPECT_EQ(config["rootfs"]["diff_ids"].size(), 2u);
}

TEST(Image, WithANewProgramSharesTheLibraries) {
  const TestFolder folder;
  const Image a = build(folder, "a");
  storage::append(folder / "small/libexec/oko-commands", "x");
  ImageOptions options;
  options.bundle.program = folder / "small/bin/oko";
  NoProgress progress;
  const Image b = build_image(options, folder / "b", "", progress);
  EXPECT_EQ(a.layers[0].digest, b.layers[0].digest);
  EXPECT_NE(a.layers[1].digest, b.layers[1].digest);
  EXPECT_LT(b.layers[1].size, b.layers[0].size);
}

TEST(Image, IsNotBuiltIntoAUsedFolder) {
  const TestFolder folder;
  storage::write(folder / "a/file", "x");
  EXPECT_THROW(build(folder, "a"), Error);
}

TEST(SourceDate, IsANumberOfSeconds) {
  const auto date = [](const std::string& text) {
    return source_date([&](const char*) { return text; });
  };
  EXPECT_EQ(date(""), std::nullopt);
  EXPECT_EQ(date("0"), 0);
  EXPECT_EQ(date("1700000000"), 1'700'000'000);
  for (const char* bad : {"-1", "x", "1.5", "99999999999999999999", "999999999999999"}) {
    EXPECT_THROW(date(bad), Error) << bad;
  }
}

}  // namespace
}  // namespace oko::package

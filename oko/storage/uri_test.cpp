#include "oko/storage/uri.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "oko/base/error.h"

namespace oko::storage {
namespace {

TEST(Uri, IsAPathWithoutAScheme) {
  for (const char* text : {"a b/100%25.jpg", "./x", "/tmp/x/", ""}) {
    const Uri uri = text;
    EXPECT_TRUE(uri.is_local());
    EXPECT_EQ(uri.scheme(), "file");
    EXPECT_EQ(uri.path(), text);
  }
  EXPECT_EQ(Uri("file:///tmp/x").path(), "/tmp/x");
  EXPECT_EQ(Uri("file:///tmp/x").text(), "file:///tmp/x");
  EXPECT_EQ(Uri(std::filesystem::path("a") / "b").path(), "a/b");
}

TEST(Uri, HasABucketAndALiteralKey) {
  const Uri uri = "gs://b.x/voc/../a%20b//c";
  EXPECT_FALSE(uri.is_local());
  EXPECT_EQ(uri.scheme(), "gs");
  EXPECT_EQ(uri.bucket(), "b.x");
  EXPECT_EQ(uri.key(), "voc/../a%20b//c");
  EXPECT_EQ(Uri("s3://b").key(), "");
  EXPECT_EQ(Uri("s3://b/").key(), "");
  EXPECT_EQ(Uri("s3://b/").text(), "s3://b/");
}

TEST(Uri, GivesOtherNamesInItsBucket) {
  const Uri uri = "s3://b/old";
  EXPECT_EQ(uri.with_key("new").text(), "s3://b/new");
  EXPECT_EQ(uri.with_key("new").key(), "new");
  EXPECT_EQ(uri.with_key("").text(), "s3://b");
}

TEST(Uri, RejectsWhatIsNone) {
  for (const std::string& text :
       {std::string("ftp://b/x"), std::string("gs://"), std::string("s3:///x"),
        std::string("gs://a b/x"), "gs://b/" + std::string(1025, 'k')}) {
    try {
      Uri uri = text;
      FAIL() << uri.text();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kUsage);
      EXPECT_EQ(e.place(), text);
    }
  }
  EXPECT_EQ(Uri("gs://b/" + std::string(1024, 'k')).key().size(), 1024u);
  EXPECT_FALSE(is_local("rtsp://user:secret@camera/1"));
}

TEST(Names, SplitAndJoin) {
  EXPECT_EQ(join("gs://b/voc", "x.jpg"), "gs://b/voc/x.jpg");
  EXPECT_EQ(join("a", "/etc/x"), "/etc/x");
  EXPECT_EQ(parent("a/b/c.txt"), "a/b");
  EXPECT_EQ(parent("/c"), "/");
  EXPECT_EQ(stem("a/b.c.JPG"), "b.c");
  EXPECT_EQ(extension("a.b/IMG.JPG"), ".jpg");
  EXPECT_EQ(extension("a.b/IMG"), "");
}

}  // namespace
}  // namespace oko::storage

#include "oko/base/file_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"

namespace oko {
namespace {

using ::testing::HasSubstr;

TEST(FileName, IsRejectedIfItLeadsElsewhereOrIsAmbiguous) {
  using namespace std::string_literals;
  for (const std::string& name :
       {""s, "."s, ".."s, "a/b"s, "/a"s, "../a"s, "a\\b"s, "..\\a"s, "C:a"s, "c:"s, "a\nb"s,
        "a\0b"s, "\x7F"s, "\x1B[31m"s, "s3://b/x"s, std::string(256, 'a')}) {
    EXPECT_NE(fault_in_file_name(name), "") << name;
  }
  for (const std::string& name : {"a"s, "..."s, ".a"s, "a..b"s, "ab:c"s, "é 猫.jpg"s, "-r"s,
                                  std::string(255, 'a'), "latin\xE9"s}) {
    EXPECT_EQ(fault_in_file_name(name), "") << name;
  }
}

TEST(FileName, OfAPathIsRejectedIfAnyPartIs) {
  for (const char* path : {"", "/", "/etc/passwd", "a/../../b", "..", "a/..", "./a", "a//b", "a/",
                           "s3://bucket/key", "file:///x", "C:/x", "C:\\x", "a/b\\c", "a/\x01"}) {
    EXPECT_NE(fault_in_relative_path(path), "") << path;
  }
  for (const char* path : {"a", "a/b/c.jpg", "a.b/..c", "train/é.png"}) {
    EXPECT_EQ(fault_in_relative_path(path), "") << path;
  }
}

TEST(FileName, MayContainWhateverTheDiskAllowsIfItIsOnlyCopied) {
  for (const char* path : {"a\nb", "c\\d/e", "C:x"}) {
    EXPECT_EQ(fault_in_relative_path(path, NameRule::kThisDisk), "") << path;
  }
  for (const std::string& path : {std::string("a/../b"), std::string("a\0b", 3),
                                  std::string("a//b"), "x/" + std::string(256, 'a')}) {
    EXPECT_NE(fault_in_relative_path(path, NameRule::kThisDisk), "") << path;
  }
}

TEST(FileName, ErrorsNameThePlaceAndTheReason) {
  try {
    checked_file_name("../\x1Bup", "shards.jsonl:2", "the split");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_EQ(error.place(), "shards.jsonl:2");
    EXPECT_THAT(error.message(), HasSubstr("the split \"../\\x1bup\""));
    EXPECT_THAT(error.message(), HasSubstr("contains '/'"));
  }
  EXPECT_EQ(checked_relative_path("a/b", "", "the path"), "a/b");
  EXPECT_THROW(checked_relative_path("a/../b", "", "the path"), Error);
}

TEST(FileName, IsMadeFromAnyText) {
  EXPECT_EQ(file_name_from("cam 1/0001"), "cam 1_0001");
  EXPECT_EQ(file_name_from("../../x"), "_._.._x");
  EXPECT_EQ(file_name_from(""), "_");
  EXPECT_EQ(file_name_from("new\nline"), "new_line");
  EXPECT_EQ(file_name_from("C:\\x"), "C__x");
  EXPECT_EQ(file_name_from(std::string(255, 'a')), std::string(255, 'a'));
}

TEST(FileName, FromALongTextIsShortAndUnique) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "é";
  const std::string name = file_name_from(text, 100), other = file_name_from(text + "x", 100);
  EXPECT_LE(name.size(), 100u);
  EXPECT_TRUE(name.starts_with("éé"));
  EXPECT_EQ(name.substr(name.size() - 19, 3), "é_");
  EXPECT_NE(name, other);
  EXPECT_EQ(fault_in_file_name(file_name_from(std::string(5000, '\x80'), 64)), "");
}

}  // namespace
}  // namespace oko

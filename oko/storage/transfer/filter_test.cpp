#include "oko/storage/transfer/filter.h"

#include <gtest/gtest.h>

namespace oko::storage {
namespace {

TEST(Filter, PatternsWithoutASlashAreForTheLastPartOfAName) {
  EXPECT_TRUE(matches("*.jpg", "a.jpg"));
  EXPECT_TRUE(matches("*.jpg", "x/y/a.jpg"));
  EXPECT_FALSE(matches("*.jpg", "x.jpg/a"));
  EXPECT_TRUE(matches("img_??.png", "x/img_01.png"));
  EXPECT_FALSE(matches("img_??.png", "x/img_1.png"));
}

TEST(Filter, StarsStopAtFoldersAndDoubleStarsDoNot) {
  EXPECT_TRUE(matches("train/*.jpg", "train/a.jpg"));
  EXPECT_FALSE(matches("train/*.jpg", "train/x/a.jpg"));
  EXPECT_TRUE(matches("train/**", "train/x/a.jpg"));
  EXPECT_TRUE(matches("**/cat/*.jpg", "cat/a.jpg"));
  EXPECT_TRUE(matches("**/cat/*.jpg", "x/y/cat/a.jpg"));
  EXPECT_FALSE(matches("**/cat/*.jpg", "x/bobcat/a.jpg"));
  EXPECT_TRUE(matches("cat/", "cat/x/a.jpg"));
  EXPECT_FALSE(matches("cat/", "bobcat/a.jpg"));
  EXPECT_TRUE(matches("/a.txt", "a.txt"));
}

TEST(Filter, BracketsAreSetsOfCharacters) {
  EXPECT_TRUE(matches("f[0-4].bin", "f3.bin"));
  EXPECT_FALSE(matches("f[0-4].bin", "f5.bin"));
  EXPECT_TRUE(matches("f[!0-4].bin", "f5.bin"));
  EXPECT_TRUE(matches("f[xyz", "f[xyz"));
}

TEST(Filter, ManyStarsDoNotTakeExponentialTime) {
  EXPECT_FALSE(matches("*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(2000, 'a')));
}

TEST(Filter, SelectsWhatIsIncludedAndNotExcluded) {
  const Filter filter{{"*.jpg", "*.xml"}, {"tmp/"}};
  EXPECT_TRUE(filter.takes("a/b.jpg"));
  EXPECT_FALSE(filter.takes("a/b.png"));
  EXPECT_FALSE(filter.takes("tmp/b.jpg"));
  EXPECT_TRUE(Filter{}.takes("anything"));
}

}  // namespace
}  // namespace oko::storage

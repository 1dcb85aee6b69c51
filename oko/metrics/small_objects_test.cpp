#include "oko/metrics/small_objects.h"

#include <gtest/gtest.h>

#include <vector>

namespace oko::metrics {
namespace {

constexpr image::Box kSmall{0, 0, 20, 20}, kLarge{100, 100, 200, 200};

TEST(SmallObjects, CountAlone) {
  Picture picture;
  picture.truth = {{0, kSmall}, {0, kLarge}, {1, kLarge}, {0, {300, 300, 310, 310}, true}};
  picture.found = {{0, .9F, kLarge}, {0, .8F, kSmall}, {1, .7F, kLarge}};
  const std::vector<Picture> pictures{picture};
  const SmallObjects small = small_objects(pictures, 2);
  EXPECT_EQ(small.truths, 1);
  EXPECT_DOUBLE_EQ(small.map50, 1);
}

TEST(SmallObjects, OnlySmallDetectionsCanBeWrong) {
  Picture picture;
  picture.truth = {{0, kSmall}};
  picture.found = {{0, .9F, {300, 0, 400, 100}}, {0, .8F, kSmall}};
  EXPECT_DOUBLE_EQ(small_objects(std::vector<Picture>{picture}, 1).map50, 1);
  picture.found[0].box = {300, 0, 310, 10};
  EXPECT_DOUBLE_EQ(small_objects(std::vector<Picture>{picture}, 1).map50, .5);
  // A larger box on a small object is its detection.
  picture.truth = {{0, {0, 0, 31, 31}}};
  picture.found = {{0, .9F, {0, 0, 34, 34}}};
  EXPECT_DOUBLE_EQ(small_objects(std::vector<Picture>{picture}, 1).map50, 1);
}

TEST(SmallObjects, AreSmallerThanCocosLimit) {
  Picture picture;
  picture.truth = {{0, {0, 0, 32, 32}}, {0, {50, 50, 82, 81.9F}}};
  EXPECT_EQ(small_objects(std::vector<Picture>{picture}, 1).truths, 1);
  EXPECT_EQ(small_objects({}, 1).map50, 0);
}

}  // namespace
}  // namespace oko::metrics

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "oko/base/error.h"
#include "oko/metrics/average_precision.h"

namespace oko::metrics {
namespace {

image::Box box(float left) { return {left, 0, left + 100, 10}; }
TrueBox truth(float at, int id) { return {id, box(at)}; }
detect::Detection found(float at, float score, int id) { return {id, score, box(at)}; }

int total(const Confusion& c) { return std::accumulate(c.counts.begin(), c.counts.end(), 0); }

TEST(Confusion, CountsWhatWasMistakenForWhat) {
  const std::vector<Picture> pictures{
      {{truth(0, 0), truth(500, 1), truth(1000, 2)},
       {found(0, .9F, 0), found(500, .9F, 2), found(2000, .9F, 1)}}};
  const Confusion c = confusion(pictures, 3, .5F);
  EXPECT_EQ(c.at(0, 0), 1);
  EXPECT_EQ(c.at(1, 2), 1);
  EXPECT_EQ(c.at(2, 3), 1);  // not found
  EXPECT_EQ(c.at(3, 1), 1);  // nothing there
  EXPECT_EQ(total(c), 4);
}

TEST(Confusion, LetsTheBestOverlapWinWhateverItsClassAndScore) {
  const std::vector<Picture> pictures{{{truth(0, 0)}, {found(10, .99F, 0), found(1, .6F, 1)}}};
  const Confusion c = confusion(pictures, 2, .5F);
  EXPECT_EQ(c.at(0, 1), 1);
  EXPECT_EQ(c.at(2, 0), 1);
  EXPECT_EQ(total(c), 2);
}

TEST(Confusion, IgnoresScoresBelowTheThreshold) {
  const std::vector<Picture> pictures{{{truth(0, 0)}, {found(0, .5F, 0), found(900, .4F, 0)}}};
  const Confusion c = confusion(pictures, 1, .5F);
  EXPECT_EQ(c.at(0, 0), 1);
  EXPECT_EQ(total(c), 1);
}

TEST(Confusion, UsesTheGivenOverlap) {
  const std::vector<Picture> pictures{{{truth(0, 0)}, {found(20, .9F, 0)}}};  // IoU 2/3
  EXPECT_EQ(confusion(pictures, 1, .5F, .66).at(0, 0), 1);
  EXPECT_EQ(confusion(pictures, 1, .5F, .67).at(0, 0), 0);
}

TEST(Confusion, DoesNotCountDifficultTruthsAndCrowds) {
  TrueBox hard = truth(0, 0), missed = truth(300, 0), crowd{0, {1000, 0, 3000, 10}};
  hard.difficult = missed.difficult = crowd.crowd = true;
  const std::vector<Picture> pictures{
      {{hard, missed, crowd}, {found(0, .9F, 0), found(1000, .9F, 0), found(2000, .9F, 0)}}};
  EXPECT_EQ(total(confusion(pictures, 1, .5F)), 0);
}

TEST(Confusion, IsEmptyWithoutImagesAndRejectsUnknownClasses) {
  EXPECT_EQ(total(confusion({}, 2, .5F)), 0);
  EXPECT_THROW(confusion(std::vector<Picture>{{{truth(0, 5)}, {}}}, 2, .5F), Error);
}

}  // namespace
}  // namespace oko::metrics

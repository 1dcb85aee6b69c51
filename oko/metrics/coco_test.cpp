#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/metrics/average_precision.h"

namespace oko::metrics {
namespace {

image::Box box(float left, float width = 100) { return {left, 0, left + width, 10}; }
TrueBox truth(float at, int id = 0) { return {id, box(at)}; }
detect::Detection found(float at, float score, int id = 0) { return {id, score, box(at)}; }

TEST(CocoSummary, IsOneForAPerfectDetector) {
  const std::vector<Picture> pictures{
      {{truth(0), truth(500, 2)}, {found(0, .9F), found(500, .8F, 2)}}};
  const auto summary = coco_summary(pictures, 3);
  EXPECT_NEAR(summary.ap, 1, 1e-9);
  EXPECT_NEAR(summary.ap50, 1, 1e-9);
  EXPECT_NEAR(summary.ap75, 1, 1e-9);
  ASSERT_EQ(summary.ap50_by_class.size(), 3U);
  EXPECT_NEAR(summary.ap50_by_class[2], 1, 1e-9);
  EXPECT_TRUE(std::isnan(summary.ap50_by_class[1]));
}

// An IoU of 80/120 = .667 passes at .50, .55, .60 and .65 only.
TEST(CocoSummary, AveragesOverTenThresholds) {
  const std::vector<Picture> pictures{{{truth(0)}, {found(20, .9F)}}};
  const auto summary = coco_summary(pictures, 1);
  EXPECT_NEAR(summary.ap, .4, 1e-9);
  EXPECT_NEAR(summary.ap50, 1, 1e-9);
  EXPECT_NEAR(summary.ap75, 0, 1e-9);
}

TEST(CocoSummary, AcceptsAnOverlapThatJustReachesAThreshold) {
  const std::vector<Picture> pictures{{{{0, box(0, 65)}}, {{0, .9F, box(0, 100)}}}};
  EXPECT_NEAR(coco_summary(pictures, 1).ap, .4, 1e-9);  // .50, .55, .60 and .65 itself
}

// Unlike VOC's rule: the second detection overlaps the matched truth more, but gets the unmatched
// one.
TEST(CocoSummary, AssignsADetectionToTheBestUnmatchedTruth) {
  const std::vector<Picture> pictures{{{truth(0), truth(30)}, {found(0, .9F), found(10, .8F)}}};
  EXPECT_NEAR(coco_summary(pictures, 1).ap50, 1, 1e-9);
}

TEST(CocoSummary, PrefersARealTruthToACrowdThatOverlapsMore) {
  TrueBox crowd{0, {0, 0, 1000, 10}};
  crowd.crowd = true;
  const std::vector<Picture> pictures{{{crowd, truth(10)}, {found(0, .9F)}}};
  EXPECT_NEAR(coco_summary(pictures, 1).ap50, 1, 1e-9);
}

TEST(CocoSummary, IgnoresCrowdsAndDifficultTruths) {
  TrueBox crowd{0, {1000, 0, 2000, 10}}, hard = truth(3000);
  crowd.crowd = true;
  hard.difficult = true;
  Picture picture{{truth(0), crowd, hard},
                  {found(1000, .99F), found(1010, .98F), found(3000, .97F), found(0, .5F)}};
  EXPECT_NEAR(coco_summary(std::vector{picture}, 1).ap50, 1, 1e-9);
  picture.found.push_back(
      found(3000, .96F));  // the difficult one is already matched: this is wrong
  EXPECT_NEAR(coco_summary(std::vector{picture}, 1).ap50, .5, 1e-6);
}

TEST(CocoSummary, UsesTheBestHundredPerClassAndImage) {
  Picture picture{{truth(0)}, {}};
  for (int i = 0; i < 100; ++i) picture.found.push_back(found(5000, .9F));
  picture.found.push_back(found(0, .5F));
  EXPECT_EQ(coco_summary(std::vector{picture}, 1).ap50, 0);
  picture.found.erase(picture.found.begin());
  EXPECT_NEAR(coco_summary(std::vector{picture}, 1).ap50, .01, 1e-6);
}

// 2 truths, right – wrong – right: precision 1 up to recall .5 (51 points), then 2/3.
TEST(CocoSummary, InterpolatesAt101Recalls) {
  const std::vector<Picture> pictures{{{truth(0), truth(500)}, {found(0, .9F), found(500, .7F)}},
                                      {{}, {found(0, .8F)}}};
  EXPECT_NEAR(coco_summary(pictures, 1).ap50, (51 + 50 * 2. / 3) / 101, 1e-6);
}

TEST(CocoSummary, IsZeroWithoutTruthOrDetections) {
  EXPECT_EQ(coco_summary({}, 2).ap, 0);
  EXPECT_EQ(coco_summary(std::vector<Picture>{{{}, {found(0, .9F)}}}, 1).ap, 0);
  const auto nothing = coco_summary(std::vector<Picture>{{{truth(0)}, {}}}, 1);
  EXPECT_EQ(nothing.ap, 0);
  EXPECT_EQ(nothing.ap50_by_class[0], 0);
}

// A synthetic set with crowds, near misses, duplicates and ties. The expected values are from
// COCO's own evaluation program, with its recalls set to exact hundredths.
TEST(CocoSummary, MatchesCocosOwnProgram) {
  Random random(2024);
  const auto whole = [&](int low, int high) {
    return static_cast<float>(
        low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1))));
  };
  constexpr int kClasses = 4;
  std::vector<Picture> pictures(60);
  for (auto& picture : pictures) {
    const int truths = static_cast<int>(random.below(9));
    for (int i = 0; i < truths; ++i) {
      const float x = whole(0, 60), y = whole(0, 60);
      TrueBox there{static_cast<int>(random.below(kClasses)),
                    {x, y, x + whole(12, 60), y + whole(12, 60)}};
      there.crowd = random.chance(.15);
      picture.truth.push_back(there);
      for (auto n = random.below(4); n > 0; --n) {
        const image::Box& b = there.box;
        picture.found.push_back({random.chance(.9) ? there.class_id : 0,
                                 whole(1, 64) / 64,
                                 {b.left + whole(-4, 4), b.top + whole(-4, 4),
                                  b.right + whole(-4, 4), b.bottom + whole(-4, 4)}});
      }
    }
  }
  const auto summary = coco_summary(pictures, kClasses);
  EXPECT_NEAR(summary.ap, .29090326, 1e-6);
  EXPECT_NEAR(summary.ap50, .54893459, 1e-6);
  EXPECT_NEAR(summary.ap75, .27077695, 1e-6);
  EXPECT_NEAR(summary.ap50_by_class[0], .50077081, 1e-6);
  EXPECT_NEAR(summary.ap50_by_class[3], .53645883, 1e-6);
}

TEST(CocoSummary, RefusesClassesThatAreNotInTheList) {
  EXPECT_THROW(coco_summary(std::vector<Picture>{{{truth(0, 1)}, {}}}, 1), Error);
}

}  // namespace
}  // namespace oko::metrics

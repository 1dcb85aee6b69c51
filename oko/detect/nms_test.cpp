#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "oko/detect/detection.h"

namespace oko::detect {
namespace {

using testing::ElementsAre;

// A box 10 high and 100 wide, `shift` pixels to the right: IoU of two is (100 − d) / (100 + d).
Detection at(float shift, float score, int class_id = 0) {
  return {class_id, score, {shift, 0, shift + 100, 10}};
}

std::vector<float> shifts(const std::vector<Detection>& detections) {
  std::vector<float> result;
  for (const auto& d : detections) result.push_back(d.box.left);
  return result;
}

TEST(Nms, KeepsTheBestOfOverlappingBoxesBestFirst) {
  const auto kept = non_maximum_suppression({at(0, .5F), at(300, .6F), at(10, .9F)}, {});
  EXPECT_THAT(shifts(kept), ElementsAre(10, 300));
}

TEST(Nms, ABoxThatWasSuppressedSuppressesNothing) {
  // 0 covers 30 (IoU .54) and 30 covers 60, but 0 and 60 share only .25.
  const auto kept = non_maximum_suppression({at(0, .9F), at(30, .8F), at(60, .7F)}, {});
  EXPECT_THAT(shifts(kept), ElementsAre(0, 60));
}

TEST(Nms, KeepsABoxWhoseOverlapOnlyEqualsTheThreshold) {
  Thresholds thresholds;
  thresholds.iou = .6F;
  EXPECT_EQ(non_maximum_suppression({at(0, .9F), at(25, .8F)}, thresholds).size(), 2U);
  thresholds.iou = .5999F;
  EXPECT_EQ(non_maximum_suppression({at(0, .9F), at(25, .8F)}, thresholds).size(), 1U);
}

TEST(Nms, LooksAtEachClassAloneUnlessTold) {
  Thresholds thresholds;
  const std::vector<Detection> boxes{at(0, .9F, 0), at(0, .8F, 1)};
  EXPECT_EQ(non_maximum_suppression(boxes, thresholds).size(), 2U);
  thresholds.nms = NmsKind::kClassAgnostic;
  const auto kept = non_maximum_suppression(boxes, thresholds);
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].class_id, 0);
}

TEST(Nms, DropsScoresNotAboveTheThreshold) {
  Thresholds thresholds;
  thresholds.score = .5F;
  const auto kept = non_maximum_suppression({at(0, .5F), at(300, .51F)}, thresholds);
  EXPECT_THAT(shifts(kept), ElementsAre(300));
}

TEST(Nms, OrdersEqualScoresByClassThenAsGiven) {
  const auto kept = non_maximum_suppression(
      {at(900, .5F, 2), at(600, .5F, 1), at(0, .5F, 2), at(300, .5F, 1)}, {});
  EXPECT_THAT(shifts(kept), ElementsAre(600, 300, 900, 0));
}

TEST(Nms, KeepsOnlyTheBestUpToTheLimit) {
  Thresholds thresholds;
  thresholds.max_detections = 2;
  const std::vector<Detection> boxes{at(0, .5F), at(300, .6F), at(600, .7F), at(610, .65F)};
  EXPECT_THAT(shifts(non_maximum_suppression(boxes, thresholds)), ElementsAre(600, 300));
  thresholds.max_detections = 0;
  EXPECT_EQ(non_maximum_suppression(boxes, thresholds).size(), 3U);
}

TEST(Nms, GivesNothingForNothing) { EXPECT_TRUE(non_maximum_suppression({}, {}).empty()); }

TEST(Nms, KeepsEmptyBoxesThatOverlapNothing) {
  const Detection empty{0, .9F, {5, 5, 5, 5}};
  EXPECT_EQ(non_maximum_suppression({empty, empty}, {}).size(), 2U);
}

}  // namespace
}  // namespace oko::detect

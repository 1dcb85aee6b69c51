#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "oko/base/random.h"
#include "oko/detect/detection.h"

namespace oko::detect {
namespace {

using testing::ElementsAre;

// A box 10 high and 100 wide, `shift` pixels to the right: the IoU of two is (100 − d) / (100 + d).
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

// Two boxes 20 apart: IoU 80/120 = .667, d²/c² = 400/14500, and DIoU = .667 - .0276^.6 = .551.
TEST(Nms, UsesTheDistanceOfCentresWithDIoU) {
  constexpr float kExponent = .6F;
  const std::vector<Detection> boxes{at(0, .9F), at(20, .8F)};
  Thresholds thresholds;
  for (const auto& [threshold, kept] : {std::pair(.545F, 1U), std::pair(.555F, 2U)}) {
    thresholds.iou = threshold;
    EXPECT_EQ(non_maximum_suppression(boxes, thresholds).size(), 1U) << threshold;
    EXPECT_EQ(non_maximum_suppression(boxes, thresholds, kExponent).size(), kept) << threshold;
  }
  EXPECT_EQ(non_maximum_suppression({at(0, .9F), at(0, .8F)}, {}, kExponent).size(), 1U);
  const Detection point{0, .9F, {5, 5, 5, 5}};
  EXPECT_EQ(non_maximum_suppression({point, point}, {}, kExponent).size(), 2U);
}

TEST(Nms, SuppressesPerClassUnlessAgnostic) {
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

TEST(Nms, OrdersTiesByClassThenInputOrder) {
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

TEST(Nms, ReturnsNothingForNoInput) { EXPECT_TRUE(non_maximum_suppression({}, {}).empty()); }

TEST(Nms, KeepsEmptyBoxesThatOverlapNothing) {
  const Detection empty{0, .9F, {5, 5, 5, 5}};
  EXPECT_EQ(non_maximum_suppression({empty, empty}, {}).size(), 2U);
}

TEST(Nms, UsesTheThresholdOfEachClass) {
  Thresholds thresholds;
  thresholds.score = .5F;
  thresholds.class_scores = {.3F, .8F};
  EXPECT_FLOAT_EQ(thresholds.lowest_score(), .3F);
  const auto kept = non_maximum_suppression(
      {at(0, .4F, 0), at(300, .7F, 1), at(600, .9F, 1), at(900, .3F, 0)}, thresholds);
  EXPECT_THAT(shifts(kept), ElementsAre(600, 0));
  thresholds.class_scores.clear();
  EXPECT_FLOAT_EQ(thresholds.lowest_score(), .5F);
}

Thresholds soft(float score = .1F, float sigma = .5F) {
  Thresholds thresholds;
  thresholds.score = score;
  thresholds.nms = NmsKind::kSoft;
  thresholds.soft_sigma = sigma;
  return thresholds;
}

TEST(SoftNms, LowersScoresByTheSquareOfTheOverlap) {
  // 25 pixels apart: IoU .6, exp(-.36 / .5) = .48675.
  const auto kept = non_maximum_suppression({at(25, .8F), at(0, .9F), at(300, .5F)}, soft());
  EXPECT_THAT(shifts(kept), ElementsAre(0, 300, 25));
  EXPECT_EQ(kept[0].score, .9F);
  EXPECT_EQ(kept[1].score, .5F);
  EXPECT_NEAR(kept[2].score, .8 * std::exp(-.36 / .5), 1e-6);
}

TEST(SoftNms, LowersAScoreOnceForEachBetterBox) {
  const auto kept = non_maximum_suppression({at(0, .9F), at(0, .8F), at(0, .7F)}, soft(.001F, 1));
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_NEAR(kept[1].score, .8 * std::exp(-1), 1e-6);
  EXPECT_NEAR(kept[2].score, .7 * std::exp(-2), 1e-6);
}

TEST(SoftNms, DropsBoxesThatFallToTheThreshold) {
  EXPECT_THAT(shifts(non_maximum_suppression({at(0, .9F), at(25, .8F)}, soft(.4F))),
              ElementsAre(0));
  EXPECT_EQ(non_maximum_suppression({at(0, .9F), at(25, .8F)}, soft(.38F)).size(), 2U);
  Thresholds per_class = soft(.4F);
  per_class.class_scores = {.38F};
  EXPECT_EQ(non_maximum_suppression({at(0, .9F), at(25, .8F)}, per_class).size(), 2U);
}

TEST(SoftNms, WorksPerClassAndKeepsTheBestOfAll) {
  Thresholds thresholds = soft();
  const std::vector<Detection> boxes{at(0, .5F, 1), at(0, .9F, 0), at(0, .7F, 2), at(5, .8F, 2)};
  auto kept = non_maximum_suppression(boxes, thresholds);
  ASSERT_EQ(kept.size(), 4U);
  EXPECT_EQ(kept[0].class_id, 0);
  EXPECT_EQ(kept[1].score, .8F);
  EXPECT_EQ(kept[2].class_id, 1);
  EXPECT_LT(kept[3].score, .5F);
  thresholds.max_detections = 2;
  kept = non_maximum_suppression(boxes, thresholds);
  EXPECT_THAT(shifts(kept), ElementsAre(0, 5));
}

TEST(SoftNms, OrdersTiesByClassThenInputOrder) {
  const auto kept = non_maximum_suppression(
      {at(900, .5F, 2), at(600, .5F, 1), at(0, .5F, 2), at(300, .5F, 1)}, soft());
  EXPECT_THAT(shifts(kept), ElementsAre(600, 300, 900, 0));
}

TEST(SoftNms, ReturnsNothingForNoInput) {
  EXPECT_TRUE(non_maximum_suppression({}, soft()).empty());
}

// The literal definition: take the best remaining box until none is left.
std::vector<Detection> by_definition(std::vector<Detection> left, const Thresholds& thresholds) {
  const auto too_low = [&](const Detection& d) {
    return !(d.score > thresholds.score_of(d.class_id));
  };
  std::vector<Detection> kept;
  for (std::erase_if(left, too_low); !left.empty(); std::erase_if(left, too_low)) {
    if (std::ssize(kept) == thresholds.max_detections) break;
    auto best = left.begin();
    for (auto d = left.begin(); d != left.end(); ++d) {
      if (d->score > best->score || (d->score == best->score && d->class_id < best->class_id)) {
        best = d;
      }
    }
    const Detection taken = *best;
    kept.push_back(taken);
    left.erase(best);
    for (Detection& d : left) {
      const float iou = image::iou(taken.box, d.box);
      if (thresholds.nms == NmsKind::kSoft) {
        if (d.class_id == taken.class_id) d.score *= std::exp(-iou * iou / thresholds.soft_sigma);
      } else if (d.class_id == taken.class_id || thresholds.nms == NmsKind::kClassAgnostic) {
        if (iou > thresholds.iou) d.score = -1;
      }
    }
  }
  return kept;
}

TEST(Nms, MatchesItsDefinition) {
  Random random(7);
  for (int round = 0; round < 60; ++round) {
    std::vector<Detection> boxes(random.below(120));
    for (Detection& d : boxes) {
      const auto x = static_cast<float>(random.below(200)),
                 y = static_cast<float>(random.below(50));
      d = {static_cast<int>(random.below(4)),
           static_cast<float>(random.below(40)) / 40,  // many ties
           {x, y, x + 20 + static_cast<float>(random.below(60)), y + 40}};
    }
    Thresholds thresholds;
    thresholds.max_detections = round % 3 == 0 ? 10 : 1000;
    if (round % 2 == 0) thresholds.class_scores = {.1F, .5F, .2F, .9F};
    for (const auto kind : {NmsKind::kPerClass, NmsKind::kClassAgnostic, NmsKind::kSoft}) {
      SCOPED_TRACE(testing::Message() << "round " << round << " kind " << static_cast<int>(kind));
      thresholds.nms = kind;
      const auto expected = by_definition(boxes, thresholds);
      const auto kept = non_maximum_suppression(boxes, thresholds);
      ASSERT_EQ(kept.size(), expected.size());
      for (std::size_t i = 0; i < kept.size(); ++i) {
        EXPECT_EQ(kept[i].class_id, expected[i].class_id);
        EXPECT_EQ(kept[i].box, expected[i].box);
        EXPECT_NEAR(kept[i].score, expected[i].score, 1e-6);
      }
    }
  }
}

}  // namespace
}  // namespace oko::detect

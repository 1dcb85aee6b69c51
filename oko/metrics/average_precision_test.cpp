#include "oko/metrics/average_precision.h"

#include <gtest/gtest.h>

#include <vector>

#include "oko/base/error.h"
#include "oko/base/random.h"

namespace oko::metrics {
namespace {

image::Box box(float left, float width = 10) { return {left, 0, left + width, 10}; }

// A detection exactly on a truth from truth(at), or on nothing.
detect::Detection found(float at, float score, int id = 0) { return {id, score, box(at)}; }
TrueBox truth(float at, int id = 0) { return {id, box(at)}; }

double area(const ClassResult& result) { return average_precision(result, Interpolation::kArea); }

TEST(Evaluate, ReturnsZerosWithoutImages) {
  const auto results = evaluate({}, 2);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[1].class_id, 1);
  EXPECT_EQ(results[1].truths, 0);
  EXPECT_EQ(mean_average_precision(results, Interpolation::kArea), 0);
}

TEST(Evaluate, CountsEveryDetectionAsWrongIfNothingIsThere) {
  const std::vector<Picture> pictures{{{}, {found(0, .9F), found(50, .8F)}}};
  const auto results = evaluate(pictures, 1);
  EXPECT_EQ(results[0].false_positives, 2);
  EXPECT_EQ(results[0].curve.back().recall, 0);
  EXPECT_EQ(area(results[0]), 0);
}

TEST(Evaluate, ReturnsZeroIfNothingIsFound) {
  const std::vector<Picture> pictures{{{truth(0)}, {}}};
  const auto results = evaluate(pictures, 1);
  EXPECT_EQ(results[0].truths, 1);
  EXPECT_TRUE(results[0].curve.empty());
  EXPECT_EQ(area(results[0]), 0);
}

TEST(Evaluate, ExcludesClassesWithoutTruthFromTheMean) {
  const std::vector<Picture> pictures{{{truth(0, 0)}, {found(0, .9F, 0), found(0, .9F, 1)}}};
  EXPECT_EQ(mean_average_precision(evaluate(pictures, 3), Interpolation::kArea), 1);
}

TEST(Evaluate, CountsASecondDetectionOfOneTruthAsWrong) {
  const std::vector<Picture> pictures{{{truth(0)}, {found(0, .7F), found(1, .9F)}}};
  const auto results = evaluate(pictures, 1);
  EXPECT_EQ(results[0].true_positives, 1);
  EXPECT_EQ(results[0].false_positives, 1);
  EXPECT_EQ(results[0].curve.front().score, .9F);
  EXPECT_EQ(results[0].curve.front().precision, 1);
}

// VOC's rule: a detection is assigned to the truth it overlaps most, even if that one is already
// matched and another would fit.
TEST(Evaluate, AssignsADetectionOnlyToTheTruthItOverlapsMost) {
  const std::vector<Picture> pictures{{{truth(0), truth(2)}, {found(0, .9F), found(.5F, .8F)}}};
  const auto results = evaluate(pictures, 1);
  EXPECT_EQ(results[0].true_positives, 1);
  EXPECT_EQ(results[0].false_positives, 1);
}

TEST(Evaluate, NeverMatchesAcrossClassesOrImages) {
  const std::vector<Picture> pictures{{{truth(0, 0)}, {found(0, .9F, 1)}},
                                      {{}, {found(0, .9F, 0)}}};
  const auto results = evaluate(pictures, 2);
  EXPECT_EQ(results[0].true_positives + results[1].true_positives, 0);
  EXPECT_EQ(results[0].false_positives, 1);
  EXPECT_EQ(results[1].false_positives, 1);
}

TEST(Evaluate, AcceptsAnOverlapThatJustReachesTheThreshold) {
  const std::vector<Picture> pictures{{{{0, box(0, 13)}}, {{0, .9F, box(0, 20)}}}};  // IoU .65
  EXPECT_EQ(evaluate(pictures, 1, {.iou = .65})[0].true_positives, 1);
  EXPECT_EQ(evaluate(pictures, 1, {.iou = .6501})[0].true_positives, 0);
}

TEST(Evaluate, CountsTheLastPixelOnlyIfInclusive) {
  const std::vector<Picture> pictures{{{{0, {0, 0, 0, 0}}}, {{0, .9F, {0, 0, 0, 1}}}}};
  EXPECT_EQ(evaluate(pictures, 1, {.iou = .5})[0].true_positives, 0);
  EXPECT_EQ(evaluate(pictures, 1, {.iou = .5, .inclusive_pixels = true})[0].true_positives, 1);
}

TEST(Evaluate, IgnoresDifficultTruths) {
  TrueBox hard = truth(50);
  hard.difficult = true;
  const std::vector<Picture> pictures{{{truth(0), hard}, {found(50, .9F), found(50, .8F)}}};
  const auto results = evaluate(pictures, 1);
  EXPECT_EQ(results[0].truths, 1);
  EXPECT_EQ(results[0].true_positives, 0);
  EXPECT_EQ(results[0].false_positives, 0);
  EXPECT_TRUE(results[0].curve.empty());
}

TEST(Evaluate, LetsAnyNumberMatchACrowd) {
  TrueBox crowd{0, {100, 0, 500, 100}};
  crowd.crowd = true;
  const std::vector<Picture> pictures{
      {{truth(0), crowd}, {found(120, .9F), found(300, .8F), found(0, .7F), found(600, .6F)}}};
  const auto results = evaluate(pictures, 1);
  EXPECT_EQ(results[0].truths, 1);
  EXPECT_EQ(results[0].true_positives, 1);
  EXPECT_EQ(results[0].false_positives, 1);
}

TEST(Evaluate, ProcessesTiesInInputOrder) {
  const std::vector<Picture> first{{{truth(0)}, {found(0, .5F)}}, {{}, {found(0, .5F)}}};
  const std::vector<Picture> last{{{}, {found(0, .5F)}}, {{truth(0)}, {found(0, .5F)}}};
  EXPECT_EQ(area(evaluate(first, 1)[0]), 1);
  EXPECT_EQ(area(evaluate(last, 1)[0]), .5);
}

TEST(Evaluate, RejectsClassesThatAreNotInTheList) {
  EXPECT_THROW(evaluate(std::vector<Picture>{{{truth(0, 2)}, {}}}, 2), Error);
  EXPECT_THROW(evaluate(std::vector<Picture>{{{}, {found(0, .5F, -1)}}}, 2), Error);
}

// Right, wrong, right of 2 truths: precision 1, 1/2, 2/3 at recall .5, .5, 1.
TEST(AveragePrecision, FollowsItsThreeDefinitions) {
  const std::vector<Picture> pictures{
      {{truth(0), truth(50)}, {found(0, .9F), found(100, .8F), found(50, .7F)}}};
  const auto result = evaluate(pictures, 1)[0];
  EXPECT_NEAR(average_precision(result, Interpolation::kArea), .5 + .5 * 2 / 3, 1e-6);
  EXPECT_NEAR(average_precision(result, Interpolation::kPoints11), (6 + 5 * 2. / 3) / 11, 1e-6);
  EXPECT_NEAR(average_precision(result, Interpolation::kPoints101), (51 + 50 * 2. / 3) / 101, 1e-6);
}

TEST(AveragePrecision, CountsARecallOfExactlyThreeTenths) {
  Picture picture;
  for (int i = 0; i < 10; ++i) picture.truth.push_back(truth(static_cast<float>(50 * i)));
  for (int i = 0; i < 3; ++i) picture.found.push_back(found(static_cast<float>(50 * i), .9F));
  const auto result = evaluate(std::vector{picture}, 1)[0];
  EXPECT_NEAR(average_precision(result, Interpolation::kPoints11), 4. / 11, 1e-6);
  EXPECT_NEAR(average_precision(result, Interpolation::kPoints101), 31. / 101, 1e-6);
}

TEST(BestF1, FindsTheThresholdOverAllClassesTogether) {
  const std::vector<Picture> pictures{
      {{truth(0, 0), truth(50, 1), truth(100, 1)},
       {found(0, .9F, 0), found(50, .6F, 1), found(200, .5F, 0), found(300, .4F, 1)}}};
  const BestF1 best = best_f1(evaluate(pictures, 2));
  EXPECT_EQ(best.score, .6F);
  EXPECT_FLOAT_EQ(best.precision, 1);
  EXPECT_FLOAT_EQ(best.recall, 2.F / 3);
  EXPECT_FLOAT_EQ(best.f1, .8F);
}

TEST(BestF1, CountsAllDetectionsWithTheSameScoreTogether) {
  const std::vector<Picture> pictures{{{truth(0)}, {found(0, .5F), found(200, .5F)}}};
  const BestF1 best = best_f1(evaluate(pictures, 1));
  EXPECT_FLOAT_EQ(best.precision, .5F);
  EXPECT_FLOAT_EQ(best.recall, 1);
}

TEST(BestF1, IsZeroIfNothingIsCorrect) {
  EXPECT_EQ(best_f1(evaluate(std::vector<Picture>{{{truth(0)}, {found(90, .5F)}}}, 1)).f1, 0);
  EXPECT_EQ(best_f1({}).f1, 0);
}

// As many as COCO's validation set has.
TEST(Evaluate, HandlesHalfAMillionDetections) {
  Random random(7);
  const auto place = [&] { return static_cast<float>(random.uniform(0, 600)); };
  const auto some_class = [&] { return static_cast<int>(random.below(80)); };
  std::vector<Picture> pictures(5000);
  for (auto& picture : pictures) {
    for (int i = 0; i < 8; ++i) picture.truth.push_back(truth(place(), some_class()));
    for (int i = 0; i < 100; ++i) {
      picture.found.push_back(found(place(), static_cast<float>(random.uniform()), some_class()));
    }
  }
  const auto results = evaluate(pictures, 80);
  int counted = 0;
  for (const auto& result : results) counted += result.true_positives + result.false_positives;
  EXPECT_EQ(counted, 500'000);
}

}  // namespace
}  // namespace oko::metrics

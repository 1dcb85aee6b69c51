#include "oko/run/recommend.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "oko/graph/about.h"
#include "oko/graph/builtin.h"

namespace oko::run {
namespace {

// One image in which objects of a class lie side by side, and detections that are right or wrong.
class Scene {
 public:
  void object(int class_id, float score = 0) {  // 0: it is not found
    picture_.truth.push_back({class_id, next()});
    if (score > 0) picture_.found.push_back({class_id, score, picture_.truth.back().box});
  }
  void wrong(int class_id, float score) { picture_.found.push_back({class_id, score, next()}); }
  Evaluation evaluation(std::vector<std::string> classes) const {
    return summarize(std::move(classes), {picture_});
  }

 private:
  image::Box next() {
    left_ += 20;
    return {left_, 0, left_ + 10, 10};
  }
  float left_ = 0;
  metrics::Picture picture_;
};

// The F1 of a class with what is above a threshold.
double f1(const metrics::Picture& picture, int class_id, float threshold) {
  metrics::Picture kept{picture.truth, {}};
  for (const auto& d : picture.found) {
    if (d.class_id == class_id && d.score > threshold) kept.found.push_back(d);
  }
  const auto result = metrics::evaluate(std::span(&kept, 1), 2)[class_id];
  return 2. * result.true_positives /
         (result.true_positives + result.false_positives + result.truths);
}

TEST(RecommendedThresholds, HaveTheBestF1OfEachClass) {
  Scene scene;
  for (int i = 0; i < 12; ++i) {
    scene.object(0, .4F + .04F * static_cast<float>(i));
    scene.object(1, .1F + .02F * static_cast<float>(i));
    scene.wrong(0, .1F + .02F * static_cast<float>(i));
    if (i > 8) scene.wrong(1, .025F * static_cast<float>(i));
  }
  const Evaluation evaluation = scene.evaluation({"a", "b"});
  const std::vector<float> thresholds = recommended_thresholds(evaluation);
  ASSERT_EQ(thresholds.size(), 2U);
  EXPECT_FLOAT_EQ(thresholds[0], .36F);  // between .32, wrong, and .4
  for (const int id : {0, 1}) {
    const metrics::Picture& picture = evaluation.pictures[0];
    const double own = f1(picture, id, thresholds[id]);
    for (float other = .005F; other < 1; other += .005F) {
      EXPECT_LE(f1(picture, id, other), own + 1e-9) << id << " at " << other;
    }
  }
}

TEST(RecommendedThresholds, OfRareClassesAreThoseOfAllTogether) {
  Scene scene;
  for (int i = 0; i < 30; ++i) scene.object(0, .6F);
  for (int i = 0; i < kEnoughObjects - 1; ++i) scene.object(1, .9F);
  scene.wrong(1, .7F);  // alone, the class would have .8
  scene.wrong(0, .2F);
  const std::vector<float> thresholds = recommended_thresholds(scene.evaluation({"a", "b", "c"}));
  ASSERT_EQ(thresholds.size(), 3U);
  EXPECT_FLOAT_EQ(thresholds[0], .4F);
  EXPECT_FLOAT_EQ(thresholds[1], .4F);
  EXPECT_FLOAT_EQ(thresholds[2], .4F);  // not in the dataset at all
  scene.object(1, .9F);
  EXPECT_FLOAT_EQ(recommended_thresholds(scene.evaluation({"a", "b"}))[1], .8F);
}

// A detection counts only above the threshold.
TEST(RecommendedThresholds, LieBelowTheLowestScoreThatCounts) {
  for (const float gap : {.3F, .0004F, 1e-7F}) {
    Scene scene;
    for (int i = 0; i < 20; ++i) scene.object(0, .5F);
    for (int i = 0; i < 20; ++i) scene.wrong(0, .5F - gap);
    const float threshold = recommended_thresholds(scene.evaluation({"a"})).at(0);
    EXPECT_LT(threshold, .5F) << gap;
    EXPECT_GE(threshold, .5F - gap);
  }
}

TEST(RecommendedThresholds, AreMissingWhereNothingIsFound) {
  Scene scene;
  for (int i = 0; i < 20; ++i) scene.object(0);
  scene.wrong(0, .9F);
  EXPECT_TRUE(recommended_thresholds(scene.evaluation({"a"})).empty());
}

TEST(RecommendedThresholds, AreMatchedWithTheNetworkByName) {
  Scene scene;
  for (int i = 0; i < 20; ++i) {
    scene.object(0, .6F);
    scene.object(1, .3F);
  }
  scene.wrong(0, .4F);
  graph::Network network = graph::make_builtin("yolov3-tiny", {.classes = 3});
  network.classes = {"b", "other", "a"};
  const Evaluation evaluation = scene.evaluation({"a", "b"});
  set_evaluation(network, evaluation, "photos", "val", std::string(64, 'a'));
  const graph::About about = graph::about(network);
  ASSERT_EQ(about.thresholds.size(), 3U);
  EXPECT_FLOAT_EQ(about.thresholds[0], .153F);  // halfway to .005, the lowest that is measured
  EXPECT_FLOAT_EQ(about.thresholds[1], .153F);  // of both together
  EXPECT_FLOAT_EQ(about.thresholds[2], .5F);
  ASSERT_TRUE(about.measured);
  EXPECT_EQ(about.measured->images, 1);
  EXPECT_EQ(about.measured->dataset, "photos");
  EXPECT_DOUBLE_EQ(about.measured->map50, evaluation.map50);
  set_evaluation(network, Scene().evaluation({"a"}), "none", "val", "");
  EXPECT_TRUE(graph::about(network).thresholds.empty());
}

}  // namespace
}  // namespace oko::run

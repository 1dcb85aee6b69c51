#include "oko/train/distances_head.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "oko/base/random.h"
#include "oko/train/distances_assign.h"

namespace oko::train {
namespace {

constexpr image::Size kInput{64, 48};

// Two levels of random values, with their gradients.
class DistancesLoss : public ::testing::Test {
 protected:
  void SetUp() override {
    Random random(7);
    for (const int stride : {8, 16}) {
      graph::Distances head{.classes = 3, .bins = 5, .stride = stride, .prior = .5F};
      heads_.emplace_back(head);
      shapes_.push_back({head.channels(), 48 / stride, 64 / stride});
      raws_.emplace_back(shapes_.back().count());
      for (float& value : raws_.back()) value = static_cast<float>(random.uniform(-2, 2));
      gradients_.emplace_back(shapes_.back().count(), 9.F);
    }
  }
  std::vector<HeadTensor> tensors() {
    std::vector<HeadTensor> all;
    for (std::size_t i = 0; i < 2; ++i) {
      all.push_back({heads_[i], shapes_[i], raws_[i], gradients_[i]});
    }
    return all;
  }
  // The loss of a batch of this image, weighed.
  LossSums loss() {
    std::vector<std::vector<HeadTensor>> images{tensors()};
    distances_head().compute_loss(images[0], kInput, truths_, {});
    distances_head().weigh(images);
    LossSums sum;
    for (const HeadTensor& tensor : images[0]) sum += tensor.loss;
    return sum;
  }

  std::vector<graph::Operation> heads_;
  std::vector<graph::Shape> shapes_;
  std::vector<std::vector<float>> raws_, gradients_;
  std::vector<dataset::Truth> truths_{{1, .4F, .5F, .5F, .6F}, {2, .8F, .2F, .2F, .3F}};
};

TEST_F(DistancesLoss, ObjectsTakePriorsInsideThem) {
  const auto all = tensors();
  const Priors priors(all, kInput);
  const auto assigned = assign(priors, truths_);
  ASSERT_EQ(assigned.size(), 6U * 8 + 3 * 4);
  std::vector<int> counts(2, 0);
  for (std::size_t i = 0; i < assigned.size(); ++i) {
    if (assigned[i].object < 0) continue;
    ++counts[assigned[i].object];
    const image::Box box = priors.box_of(truths_[assigned[i].object]);
    EXPECT_GT(priors.at(i).x, box.left);
    EXPECT_LT(priors.at(i).y, box.bottom);
  }
  EXPECT_GE(counts[0], 1);
  EXPECT_GE(counts[1], 1);
  EXPECT_LE(counts[0], 13);
}

TEST_F(DistancesLoss, AnObjectBetweenThePriorsTakesTheNearest) {
  truths_ = {{0, 16 / 64.F, 16 / 48.F, 2 / 64.F, 2 / 48.F}};
  const auto all = tensors();
  const auto assigned = assign(Priors(all, kInput), truths_);
  EXPECT_EQ(std::ranges::count_if(assigned, [](const Assigned& a) { return a.object == 0; }), 1);
}

// Scores change the loss of the classes, sides that of the boxes; what each counts as a constant
// (the overlap as a target, the score as a weight) belongs to the other.
TEST_F(DistancesLoss, GradientMatchesCentralDifferences) {
  loss();
  const auto expected = gradients_;
  constexpr float kStep = 1.F / 512;
  const auto value_at = [&](float& raw, float change, bool is_score) {
    const float there = raw;
    raw += change;
    const LossSums sums = loss();
    raw = there;
    return is_score ? sums.values[0] : sums.values[1] + sums.values[2];
  };
  for (std::size_t h = 0; h < 2; ++h) {
    const std::size_t scores = 3U * shapes_[h].height * shapes_[h].width;
    for (std::size_t i = 0; i < raws_[h].size(); ++i) {
      float& raw = raws_[h][i];
      const double slope =
          (value_at(raw, kStep, i < scores) - value_at(raw, -kStep, i < scores)) / (2 * kStep);
      EXPECT_NEAR(expected[h][i], slope, 5e-3) << h << " " << i;
    }
  }
}

TEST_F(DistancesLoss, SidesMoveTowardsTheObject) {
  truths_ = {{1, .5F, .5F, .6F, .6F}};
  const double before = loss().values[1];
  for (int step = 0; step < 300; ++step) {
    loss();
    for (std::size_t h = 0; h < 2; ++h) {
      const std::size_t scores = 3U * shapes_[h].height * shapes_[h].width;
      for (std::size_t i = scores; i < raws_[h].size(); ++i) raws_[h][i] -= 2 * gradients_[h][i];
    }
  }
  EXPECT_LT(loss().values[1], before / 4);
}

TEST_F(DistancesLoss, AnImageWithoutObjectsTeachesOnlyTheScores) {
  truths_.clear();
  const LossSums sums = loss();
  EXPECT_GT(sums.values[0], 0);
  EXPECT_EQ(sums.values[1], 0);
  const std::size_t scores = 3U * 48;
  EXPECT_TRUE(std::all_of(gradients_[0].begin() + scores, gradients_[0].end(),
                          [](float g) { return g == 0; }));
}

TEST_F(DistancesLoss, KeepsTheChannelsOfKnownClasses) {
  const graph::Operation old = graph::Distances{.classes = 2, .bins = 5, .prior = .5F};
  const std::vector<std::string> names{"a", "new", "b"}, before{"b", "a"};
  const auto channels = distances_head().channels_from(heads_[0], names, old, before);
  ASSERT_EQ(channels.size(), 23U);
  EXPECT_EQ(channels[0], 1);
  EXPECT_EQ(channels[1], -1);
  EXPECT_EQ(channels[2], 0);
  EXPECT_EQ(channels[3], 2);
  EXPECT_EQ(channels[22], 21);
}

}  // namespace
}  // namespace oko::train

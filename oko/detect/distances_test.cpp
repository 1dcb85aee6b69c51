#include "oko/detect/distances.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace oko::detect {
namespace {

// A map of 2 rows of 3 cells for two classes and four bins a side, without detections.
class Distances : public ::testing::Test {
 protected:
  static constexpr graph::Shape kShape{2 + 4 * 4, 2, 3};
  static constexpr graph::Head kGrid{3, 2, 8, 8, 2};
  graph::Distances head_{.classes = 2, .bins = 4, .stride = 8, .prior = 0};
  std::vector<float> map_ = std::vector<float>(kShape.count(), 0);

  void SetUp() override { std::fill_n(map_.begin(), 2 * 6, -20.F); }
  float& at(int channel, int row, int column) { return map_[channel * 6 + row * 3 + column]; }
  std::vector<Detection> decoded(Thresholds thresholds = {.score = .3F}) const {
    std::vector<Detection> found;
    decode_head(kGrid, head_, map_, thresholds, found);
    return found;
  }
};

TEST_F(Distances, AreExpectationsOverTheBins) {
  at(1, 1, 2) = 0;  // score .5
  for (int k = 0; k < 4; ++k) {
    at(2 + k, 1, 2) = k == 1 ? 40 : 0;                         // left: bin 1
    at(6 + k, 1, 2) = 3;                                       // top: all alike, 1.5
    at(10 + k, 1, 2) = std::log(1.F + static_cast<float>(k));  // right: (0 + 2 + 6 + 12) / 10
  }
  at(17, 1, 2) = 40;  // bottom: bin 3
  for (const float prior : {0.F, .5F}) {
    head_.prior = prior;
    const auto found = decoded();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].class_id, 1);
    EXPECT_FLOAT_EQ(found[0].score, .5F);
    const float x = 8 * (2 + prior), y = 8 * (1 + prior);
    EXPECT_NEAR(found[0].box.left, x - 8, 1e-4);
    EXPECT_NEAR(found[0].box.top, y - 12, 1e-4);
    EXPECT_NEAR(found[0].box.right, x + 16, 1e-4);
    EXPECT_NEAR(found[0].box.bottom, y + 24, 1e-4);
  }
}

TEST_F(Distances, OfOneBinAreTheValuesThemselves) {
  head_ = {.classes = 2, .bins = 1, .stride = 16, .prior = .5F};
  const std::vector<float> map{2, -9, .5F, 1, 1.5F, 2};
  std::vector<Detection> found;
  decode_head({1, 1, 16, 16, 2}, head_, map, {.score = .3F}, found);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].box, (image::Box{0, -8, 32, 40}));
}

TEST_F(Distances, EveryClassHasItsThreshold) {
  at(0, 0, 0) = at(1, 0, 0) = at(1, 1, 1) = 1;  // .73
  EXPECT_EQ(decoded().size(), 3U);
  EXPECT_EQ(decoded({.score = .3F, .class_scores = {.7F, .8F}}).size(), 1U);
  EXPECT_FLOAT_EQ(best_head_score(kGrid, head_, map_), 1 / (1 + std::exp(-1.F)));
}

TEST_F(Distances, OfADivergedNetworkAreSkipped) {
  at(0, 0, 0) = std::numeric_limits<float>::quiet_NaN();
  at(1, 0, 1) = 5;
  at(5, 0, 1) = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(decoded().empty());
}

}  // namespace
}  // namespace oko::detect

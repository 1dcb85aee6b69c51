#include "oko/train/yolo_head.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "oko/base/random.h"
#include "oko/base/words.h"
#include "oko/train/ciou.h"

namespace oko::train {
namespace {

using dataset::Truth;

std::string_view name_of(LossKind kind) { return word_of(kind); }

constexpr LossKind kAllKinds[] = {LossKind::kDarknet, LossKind::kKeras, LossKind::kCiou};
constexpr graph::BoxCode kCodes[] = {graph::BoxCode::kExponential, graph::BoxCode::kSquared};

// A head of three of five anchors over 4 rows and 5 columns of cells of 32 pixels, its raw output,
// and the loss of both for some truths.
class Loss : public ::testing::Test {
 protected:
  Loss() {
    head_.anchors = {{12, 18}, {24, 36}, {40, 60}, {80, 110}, {30, 20}};
    head_.mask = {0, 1, 2};
    head_.classes = 3;
    head_.ignore_threshold = .7F;
    map_ = {3 * 8, 4, 5};
    raw_.resize(static_cast<std::size_t>(map_.count()));
    gradient_.resize(raw_.size());
    Random random(7);
    for (float& v : raw_) v = static_cast<float>(.6 * random.normal());
  }

  YoloLoss loss(std::span<const Truth> truths) {
    return yolo_loss(head_, map_, kInput, raw_, truths, options_, gradient_);
  }

  std::size_t at(int slot, int part, int row, int column) const {
    return static_cast<std::size_t>(((slot * 8 + part) * map_.height + row) * map_.width + column);
  }

  // Makes the prediction decode to this box (relative to the input); its centre must be in the
  // cell.
  void predict(int slot, int row, int column, const Truth& box) {
    const float s = head_.scale_x_y, shift = (s - 1) / 2;
    const auto inverse = [&](float offset) {
      const float probability = (offset + shift) / s;
      return std::log(probability / (1 - probability));
    };
    raw_[at(slot, 0, row, column)] = inverse(box.x * 5 - static_cast<float>(column));
    raw_[at(slot, 1, row, column)] = inverse(box.y * 4 - static_cast<float>(row));
    predict_size(slot, row, column, box.width, box.height);
  }

  void predict_size(int slot, int row, int column, float width, float height) {
    const graph::Anchor& anchor = head_.anchors[head_.mask.at(static_cast<std::size_t>(slot))];
    raw_[at(slot, 2, row, column)] = raw_size(width * 160 / anchor.width);
    raw_[at(slot, 3, row, column)] = raw_size(height * 128 / anchor.height);
  }

  // The raw value of a side in anchors, and back.
  float raw_size(float in_anchors) const {
    if (head_.box_code == graph::BoxCode::kExponential) return std::log(in_anchors);
    const float probability = std::sqrt(in_anchors) / 2;
    return std::log(probability / (1 - probability));
  }
  double size_in_anchors(double raw) const {
    if (head_.box_code == graph::BoxCode::kExponential) return std::exp(raw);
    return 4 / ((1 + std::exp(-raw)) * (1 + std::exp(-raw)));
  }

  // d total / d raw of every value, by central differences.
  std::vector<double> measured_slopes(std::span<const Truth> truths) {
    std::vector<double> slopes(raw_.size());
    for (std::size_t i = 0; i < raw_.size(); ++i) {
      const float before = raw_[i], above = before + .01F, below = before - .01F;
      raw_[i] = above;
      const double high = loss(truths).total();
      raw_[i] = below;
      const double low = loss(truths).total();
      raw_[i] = before;
      slopes[i] = (high - low) / (static_cast<double>(above) - below);
    }
    return slopes;
  }

  void expect_gradient_is_the_slope(std::span<const Truth> truths) {
    const std::vector<double> slopes = measured_slopes(truths);
    loss(truths);
    for (std::size_t i = 0; i < slopes.size(); ++i) {
      EXPECT_NEAR(gradient_[i], slopes[i], 1e-3 + 1e-3 * std::abs(slopes[i])) << "value " << i;
    }
  }

  static constexpr image::Size kInput{160, 128};
  graph::Yolo head_;
  graph::Shape map_;
  std::vector<float> raw_, gradient_;
  LossOptions options_;
};

// With the shapes of anchors 0, 1 and 2, in cells (2, 1), (0, 4) and (3, 2).
const std::vector<Truth> kTruths{
    {0, .33F, .61F, .08F, .15F}, {2, .91F, .12F, .16F, .27F}, {1, .55F, .84F, .24F, .45F}};

TEST_F(Loss, KerasGradientMatchesTheSlopeOfTheLoss) {
  options_.kind = LossKind::kKeras;
  for (const graph::BoxCode code : kCodes) {
    head_.box_code = code;
    EXPECT_EQ(loss(kTruths).positives, 3);
    expect_gradient_is_the_slope(kTruths);
  }
}

TEST_F(Loss, KerasGradientMatchesTheSlopeOfTheLossWithScaledCentres) {
  options_.kind = LossKind::kKeras;
  head_.scale_x_y = 1.2F;
  expect_gradient_is_the_slope(kTruths);
}

// CIoU's gradient holds α constant, so it is the full slope only if the shapes agree and α is 0:
// every prediction gets the aspect ratio of the truths.
TEST_F(Loss, CiouGradientMatchesTheSlopeOfTheLossIfShapesAgree) {
  const std::vector<Truth> truths{{0, .33F, .61F, .1F, .18F}, {2, .91F, .12F, .2F, .36F}};
  options_ = {.kind = LossKind::kCiou,
              .box_gain = 2.5F,
              .objectness_gain = 1.5F,
              .class_gain = .5F,
              .label_smoothing = .1F};
  for (const auto& [scale, code] :
       {std::pair(1.F, kCodes[0]), {1.2F, kCodes[0]}, {2.F, kCodes[1]}}) {
    head_.scale_x_y = scale;
    head_.box_code = code;
    for (int slot = 0; slot < 3; ++slot) {
      for (int row = 0; row < 4; ++row) {
        for (int column = 0; column < 5; ++column) {
          const float size = .11F + .01F * static_cast<float>(slot + row);
          predict_size(slot, row, column, size, 1.8F * size);
        }
      }
    }
    EXPECT_GT(loss(truths).positives, 2);
    expect_gradient_is_the_slope(truths);
  }
}

TEST_F(Loss, CiouGradientIsTheBoxSlopeTimesTheDecodersSlope) {
  head_.scale_x_y = 1.1F;
  const Truth truth = kTruths[1];  // cell (0, 4), anchor 1
  for (const graph::BoxCode code : kCodes) {
    head_.box_code = code;
    loss(std::span(&truth, 1));
    const auto decoded = [&](int changed, double by) {
      const auto raw = [&](int part) {
        return raw_[at(1, part, 0, 4)] + (part == changed ? by : 0.);
      };
      const auto place = [](double v) { return 1.1F / (1 + std::exp(-v)) - (1.1F - 1) / 2; };
      return CentredBox{(4 + place(raw(0))) / 5, place(raw(1)) / 4,
                        size_in_anchors(raw(2)) * 24 / 160, size_in_anchors(raw(3)) * 36 / 128};
    };
    const BoxGradient box =
        ciou_gradient(decoded(-1, 0), {truth.x, truth.y, truth.width, truth.height});
    for (int part = 0; part < 4; ++part) {
      const CentredBox above = decoded(part, 1e-5), below = decoded(part, -1e-5);
      const double slope = (above.x - below.x) * box.slope[0] + (above.y - below.y) * box.slope[1] +
                           (above.w - below.w) * box.slope[2] + (above.h - below.h) * box.slope[3];
      const double expected = -options_.box_gain * (2 - truth.width * truth.height) * slope / 2e-5;
      EXPECT_NEAR(gradient_[at(1, part, 0, 4)], expected, 1e-4 * std::abs(expected)) << part;
    }
  }
}

TEST_F(Loss, DarknetReportsTheSumOfItsSquaredDeltas) {
  options_.kind = LossKind::kDarknet;
  for (const float scale : {1.F, 1.1F}) {
    head_.scale_x_y = scale;
    const YoloLoss parts = loss(kTruths);
    double squares = 0;
    for (const float delta : gradient_) squares += static_cast<double>(delta) * delta;
    EXPECT_NEAR(parts.total(), squares, 1e-5 * squares);
    EXPECT_EQ(parts.positives, 3);
  }
}

TEST_F(Loss, DarknetDeltasMatchItsSquaredErrors) {
  options_.kind = LossKind::kDarknet;
  const Truth truth = kTruths[0];  // cell (2, 1), anchor 0
  loss(std::span(&truth, 1));
  const auto sigmoid = [](float v) { return 1 / (1 + std::exp(-v)); };
  const auto raw = [&](int part) { return raw_[at(0, part, 2, 1)]; };
  const float weight = 2 - truth.width * truth.height;
  const float expected[] = {weight * (sigmoid(raw(0)) - (truth.x * 5 - 1)),
                            weight * (sigmoid(raw(1)) - (truth.y * 4 - 2)),
                            weight * (raw(2) - std::log(truth.width * 160 / 12)),
                            weight * (raw(3) - std::log(truth.height * 128 / 18)),
                            sigmoid(raw(4)) - 1,
                            sigmoid(raw(5)) - 1,
                            sigmoid(raw(6)),
                            sigmoid(raw(7))};
  for (int part = 0; part < 8; ++part) {
    EXPECT_NEAR(gradient_[at(0, part, 2, 1)], expected[part], 1e-6) << "part " << part;
  }
}

TEST_F(Loss, PredictionThatDecodesToTheTruthHasNoBoxError) {
  for (const auto& [scale, code] :
       {std::pair(1.F, kCodes[0]), {1.1F, kCodes[0]}, {2.F, kCodes[0]}, {2.F, kCodes[1]}}) {
    head_.scale_x_y = scale;
    head_.box_code = code;
    for (const LossKind kind : kAllKinds) {
      options_.kind = kind;
      options_.anchor_iou = .9F;
      const Truth truth = kTruths[1];
      predict(1, 0, 4, truth);
      const YoloLoss parts = loss(std::span(&truth, 1));
      EXPECT_NEAR(parts.iou, 1, 1e-4) << name_of(kind) << ", scale_x_y " << scale;
      if (kind == LossKind::kCiou) {  // not differentiable there: only the value is certain
        EXPECT_NEAR(parts.box, 0, 1e-4);
        continue;
      }
      for (int part = 0; part < 4; ++part) {
        EXPECT_NEAR(gradient_[at(1, part, 0, 4)], 0, 1e-4)
            << name_of(kind) << ", scale_x_y " << scale << ", part " << part;
      }
    }
  }
}

TEST_F(Loss, TruthsOnOnePredictionMergeClassesAndTheLastBoxIsLearnt) {
  Truth first = kTruths[1], last = kTruths[1];
  last.class_id = 0;
  last.x -= .03F;
  last.width *= 1.1F;
  options_.anchor_iou = .9F;  // one anchor for each
  for (const LossKind kind : kAllKinds) {
    options_.kind = kind;
    loss(std::vector{last});
    const std::vector<float> alone = gradient_;
    const YoloLoss both = loss(std::vector{first, last});
    EXPECT_EQ(both.positives, 1) << name_of(kind);
    for (int part = 0; part < 5; ++part) {
      EXPECT_EQ(gradient_[at(1, part, 0, 4)], alone[at(1, part, 0, 4)]) << name_of(kind);
    }
    EXPECT_LT(gradient_[at(1, 5, 0, 4)], 0) << name_of(kind);  // class 0, of the last
    EXPECT_GT(gradient_[at(1, 6, 0, 4)], 0) << name_of(kind);
    EXPECT_LT(gradient_[at(1, 7, 0, 4)], 0) << name_of(kind);  // class 2, of the first
  }
}

TEST_F(Loss, TruthsInOneCellWithDifferentBestAnchorsAreLearntSeparately) {
  Truth small = kTruths[0], large = kTruths[2];
  large.x = small.x;
  large.y = small.y;
  options_.anchor_iou = .9F;
  for (const LossKind kind : kAllKinds) {
    options_.kind = kind;
    EXPECT_EQ(loss(std::vector{small, large}).positives, 2) << name_of(kind);
    EXPECT_LT(gradient_[at(0, 5, 2, 1)], 0);
    EXPECT_GT(gradient_[at(0, 6, 2, 1)], 0);
    EXPECT_LT(gradient_[at(2, 6, 2, 1)], 0);
  }
}

TEST_F(Loss, PredictionIsExemptOnlyIfItOverlapsMoreThanTheIgnoreThreshold) {
  const Truth truth = kTruths[1];  // assigned to anchor 1
  options_.anchor_iou = .9F;
  for (const LossKind kind : kAllKinds) {
    options_.kind = kind;
    const std::size_t objectness = at(2, 4, 0, 4);
    const float probability = 1 / (1 + std::exp(-raw_[objectness]));
    Truth near = truth;
    near.width *= .72F;  // overlap .72
    predict(2, 0, 4, near);
    loss(std::span(&truth, 1));
    EXPECT_EQ(gradient_[objectness], 0) << name_of(kind);
    near.width = truth.width * .68F;
    predict(2, 0, 4, near);
    loss(std::span(&truth, 1));
    EXPECT_NEAR(gradient_[objectness], probability, 1e-6) << name_of(kind);
  }
}

// The Keras port checks overlap only with the truths assigned to this head.
TEST_F(Loss, TruthOfAnotherHeadExemptsExceptInKeras) {
  const Truth truth{1, .5F, .4F, .5F, .86F};  // of anchor 3, which is another head's
  options_.anchor_iou = .9F;
  predict(2, 1, 2, truth);
  for (const LossKind kind : kAllKinds) {
    options_.kind = kind;
    const YoloLoss parts = loss(std::span(&truth, 1));
    EXPECT_EQ(parts.positives, 0) << name_of(kind);
    if (kind == LossKind::kKeras) {
      EXPECT_GT(gradient_[at(2, 4, 1, 2)], 0);
    } else {
      EXPECT_EQ(gradient_[at(2, 4, 1, 2)], 0) << name_of(kind);
    }
  }
}

TEST_F(Loss, CiouAssignsEveryMatchingAnchor) {
  const Truth truth{1, .5F, .4F, .2F, .37F};  // 32x47 pixels: between anchors 1 and 2
  options_.anchor_iou = .5F;
  EXPECT_EQ(loss(std::span(&truth, 1)).positives, 2);
  EXPECT_LT(gradient_[at(1, 4, 1, 2)], 0);
  EXPECT_LT(gradient_[at(2, 4, 1, 2)], 0);
  options_.anchor_iou = .9F;
  EXPECT_EQ(loss(std::span(&truth, 1)).positives, 1);
  options_.kind = LossKind::kDarknet;
  options_.anchor_iou = .5F;
  EXPECT_EQ(loss(std::span(&truth, 1)).positives, 1);
}

TEST_F(Loss, BestAnchorOutranksAMatchingAnchorOfAnotherTruth) {
  const Truth best{0, .5F, .4F, .15F, .28F};      // 24x36: anchor 1
  const Truth fitting{1, .52F, .4F, .25F, .47F};  // 40x60: anchor 2, and fits anchor 1
  options_.anchor_iou = .3F;
  loss(std::vector{best});
  const std::vector<float> alone = gradient_;
  for (const auto& truths : {std::vector{best, fitting}, std::vector{fitting, best}}) {
    loss(truths);
    for (int part = 0; part < 8; ++part) {
      EXPECT_EQ(gradient_[at(1, part, 1, 2)], alone[at(1, part, 1, 2)]) << part;
    }
  }
}

TEST_F(Loss, LabelSmoothingKeepsTargetsSummingToOne) {
  const Truth truth = kTruths[1];
  options_.anchor_iou = .9F;
  options_.label_smoothing = .3F;
  for (int c = 0; c < 3; ++c) raw_[at(1, 5 + c, 0, 4)] = 0;
  loss(std::span(&truth, 1));
  EXPECT_NEAR(gradient_[at(1, 5, 0, 4)], .5 - .1, 1e-6);
  EXPECT_NEAR(gradient_[at(1, 6, 0, 4)], .5 - .1, 1e-6);
  EXPECT_NEAR(gradient_[at(1, 7, 0, 4)], .5 - .8, 1e-6);
}

TEST_F(Loss, ImageWithoutTruthsTrainsOnlyObjectness) {
  for (const LossKind kind : kAllKinds) {
    options_.kind = kind;
    const YoloLoss parts = loss({});
    EXPECT_GT(parts.no_object, 0);
    EXPECT_EQ(parts.total(), parts.no_object);
    EXPECT_EQ(parts.positives, 0);
    for (std::size_t i = 0; i < gradient_.size(); ++i) {
      const bool objectness = i / 20 % 8 == 4;
      EXPECT_EQ(gradient_[i] > 0, objectness) << name_of(kind) << ", value " << i;
    }
  }
}

TEST_F(Loss, TruthsOnTheEdgeBelongToTheLastCell) {
  const Truth corner{0, 1, 1, .08F, .15F};
  for (const LossKind kind : kAllKinds) {
    options_.kind = kind;
    loss(std::span(&corner, 1));
    EXPECT_LT(gradient_[at(0, 4, 3, 4)], 0) << name_of(kind);
  }
}

TEST_F(Loss, ExtremePredictionsStayFinite) {
  for (std::size_t i = 0; i < raw_.size(); ++i) raw_[i] = i % 2 == 0 ? 500.F : -500.F;
  for (const graph::BoxCode code : kCodes) {
    head_.box_code = code;
    for (const LossKind kind : kAllKinds) {
      options_.kind = kind;
      EXPECT_TRUE(std::isfinite(loss(kTruths).total())) << name_of(kind);
      for (const float g : gradient_) ASSERT_TRUE(std::isfinite(g)) << name_of(kind);
    }
  }
}

// (2σ)² is below 4, so σ = 1 is the best that a larger box can ask for.
TEST_F(Loss, BoxOfMoreThanFourAnchorsAsksForTheLargestSize) {
  head_.box_code = graph::BoxCode::kSquared;
  head_.mask = {0};
  head_.anchors = {{12, 18}};
  map_.channels = 8;
  raw_.resize(static_cast<std::size_t>(map_.count()));
  gradient_.resize(raw_.size());
  const Truth truth{0, .5F, .4F, .8F, .9F};
  for (const LossKind kind : {LossKind::kDarknet, LossKind::kKeras}) {
    options_.kind = kind;
    EXPECT_TRUE(std::isfinite(loss(std::span(&truth, 1)).total()));
    const std::size_t width = at(0, 2, 1, 2);
    const float probability = 1 / (1 + std::exp(-raw_[width]));
    EXPECT_NEAR(gradient_[width], (2 - .8F * .9F) * (probability - 1), 1e-6) << name_of(kind);
  }
}

}  // namespace
}  // namespace oko::train

#include "oko/train/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "oko/base/error.h"
#include "oko/train/test_support.h"

namespace oko::train {
namespace {

using ::testing::HasSubstr;

const std::span<const LossPart> kParts = yolo_head().loss_parts();

struct Figures {
  double train, val, map50;
};

std::vector<EpochSummary> history(int epochs, const std::function<Figures(int)>& at,
                                  int stage = 2) {
  std::vector<EpochSummary> all;
  for (int i = 0; i < epochs; ++i) {
    const Figures f = at(i);
    EpochSummary summary;
    summary.epoch = i;
    summary.stage = stage;
    summary.train = yolo_sums(f.train);
    summary.val = yolo_sums(f.val);
    summary.has_val = true;
    summary.map50 = f.map50;
    all.push_back(summary);
  }
  return all;
}

TEST(Verdict, FewEpochsAreTooEarly) {
  const auto still_falling = [](int i) { return Figures{10. - i, 10. - i, .1 * i}; };
  EXPECT_EQ(judge({}).name, "too early to say");
  EXPECT_EQ(judge(history(4, still_falling)).name, "too early to say");
  EXPECT_THAT(judge(history(4, still_falling)).why, HasSubstr("4 of 5"));
  EXPECT_EQ(judge(history(5, still_falling)).name, "under-fitting");
}

TEST(Verdict, FallingLossesAndRisingMapAreUnderFitting) {
  const Verdict verdict = judge(history(12, [](int i) {
    return Figures{12. - .5 * i, 13. - .5 * i, .05 * i};
  }));
  EXPECT_EQ(verdict.name, "under-fitting");
  EXPECT_THAT(verdict.why, HasSubstr("train longer"));
}

TEST(Verdict, SteadyLowMapWithBothLossesHighIsUnderFitting) {
  const Verdict verdict = judge(history(20, [](int) { return Figures{8, 8.4, .12}; }));
  EXPECT_EQ(verdict.name, "under-fitting");
  EXPECT_THAT(verdict.why, HasSubstr("larger network"));
}

TEST(Verdict, SteadyLossesAndGoodMapAreFitting) {
  const Verdict verdict = judge(history(20, [](int i) {
    return Figures{2 + 5. / (1 + i * i), 2.2 + 5. / (1 + i * i), .8 - .5 / (1 + i * i)};
  }));
  EXPECT_EQ(verdict.name, "fitting");
  EXPECT_THAT(verdict.why, HasSubstr("0.79"));
}

TEST(Verdict, RisingValidationLossUnderFallingTrainingLossIsOverFitting) {
  const Verdict verdict = judge(history(20, [](int i) {
    return Figures{6 - .25 * i, i < 8 ? 6 - .2 * i : 4.4 + .15 * (i - 8), .6};
  }));
  EXPECT_EQ(verdict.name, "over-fitting");
  EXPECT_THAT(verdict.why, HasSubstr("lowest 4.40 (epoch 9)"));
  EXPECT_THAT(verdict.why, HasSubstr("augmentation"));
}

TEST(Verdict, RisingValidationLossAloneIsNotOverFitting) {
  EXPECT_NE(judge(history(20,
                          [](int i) {
                            return Figures{6, 5 + .1 * i, .6};
                          }))
                .name,
            "over-fitting");
}

TEST(Verdict, EpochsOfTheFrozenStageDoNotCount) {
  auto epochs = history(
      10,
      [](int i) {
        return Figures{12. - i, 12. - i, .05 * i};
      },
      1);
  const auto full = history(
      3,
      [](int) {
        return Figures{2, 2, .7};
      },
      2);
  epochs.insert(epochs.end(), full.begin(), full.end());
  EXPECT_EQ(judge(epochs).name, "too early to say");
}

TEST(Verdict, WithoutValidationNothingCanBeSaid) {
  auto epochs = history(10, [](int i) { return Figures{12. - i, 0, 0}; });
  for (auto& e : epochs) e.has_val = false;
  EXPECT_EQ(judge(epochs).name, "too early to say");
  EXPECT_THAT(judge(epochs).why, HasSubstr("no validation split"));
}

TEST(EpochSummary, RoundTripsThroughJson) {
  EpochSummary summary;
  summary.epoch = 7;
  summary.stage = 1;
  summary.train = yolo_sums(1. / 3, 1e-17, 1234.5, 2. / 7);
  EpochSummary back = epoch_summary_from_json(to_json(summary), "log", kParts);
  EXPECT_FALSE(back.has_val);
  EXPECT_EQ(to_json(back), to_json(summary));

  summary.has_val = true;
  summary.val = yolo_sums(0, 0, 0, 3);
  summary.map50 = .1;
  summary.map = .07;
  back = epoch_summary_from_json(parse_json(to_json(summary).dump(), "log"), "log", kParts);
  EXPECT_EQ(back.epoch, 7);
  EXPECT_EQ(back.stage, 1);
  EXPECT_EQ(back.train.values[0], 1. / 3);
  EXPECT_EQ(back.map, .07);
  EXPECT_EQ(to_json(back), to_json(summary));
}

TEST(EpochSummary, NonFiniteLossIsReadBackAsNaN) {
  EpochSummary summary;
  summary.train = yolo_sums(1);
  summary.has_val = true;
  summary.val = yolo_sums(std::numeric_limits<double>::infinity(), 0, 0, 2);
  const EpochSummary back =
      epoch_summary_from_json(parse_json(to_json(summary).dump(), "log"), "log", kParts);
  EXPECT_TRUE(std::isnan(back.val.values[0]));
  EXPECT_EQ(back.val.values[3], 2);
}

TEST(EpochSummary, WithoutItsLossIsAnInputError) {
  EpochSummary summary;
  summary.train = yolo_sums(1);
  Json json = to_json(summary);
  json["train"].erase("box");
  EXPECT_THROW(epoch_summary_from_json(json, "log", kParts), Error);
}

}  // namespace
}  // namespace oko::train

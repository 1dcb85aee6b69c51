#include "oko/dataset/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"
#include "oko/dataset/check.h"
#include "oko/dataset/test_data.h"

namespace oko::dataset {
namespace {

TEST(Split, GivesEveryClassItsShare) {
  OKO_REFERENCE_DATA(folder, "playing_cards");
  NoProgress progress;
  const Dataset data = split(read(folder), {.2, .1, 1, 0}, progress);
  Counts pictures = pictures_by_split(data);
  EXPECT_NEAR(pictures["val"], 73, 1);
  EXPECT_NEAR(pictures["test"], 36, 1);
  const Counts all = boxes_by_class(data);
  for (const auto& [name, boxes] : boxes_by_class(subset(data, "val"))) {
    EXPECT_NEAR(boxes, .2 * all.at(name), 4) << name;
  }
  for (const auto& [name, boxes] : boxes_by_class(subset(data, "test"))) {
    EXPECT_NEAR(boxes, .1 * all.at(name), 4) << name;
  }
}

TEST(Split, KeepsCopiesAndNearDuplicatesTogether) {
  OKO_REFERENCE_DATA(folder, "raccoon");
  NoProgress progress;
  const Dataset data = split(read(folder), {.3, .2, 1, 0}, progress);
  const Counts kinds = findings_by_kind(check(data, progress));
  EXPECT_FALSE(kinds.contains("split-leak"));
  EXPECT_FALSE(kinds.contains("near-leak"));
  EXPECT_EQ(kinds.at("duplicate-image"), 4) << "the copies are still there, side by side";
}

TEST(Split, IsTheSameForASeedAndAnotherForAnother) {
  OKO_REFERENCE_DATA(folder, "voc2007_sample");
  NoProgress progress;
  const auto splits = [&](std::uint64_t seed, int threads) {
    std::string text;
    for (const Sample& s : split(read(folder), {.3, .2, seed, threads}, progress).samples) {
      text += s.split + " ";
    }
    return text;
  };
  EXPECT_EQ(splits(5, 1), splits(5, 3));
  EXPECT_NE(splits(5, 1), splits(6, 1));
}

TEST(Split, SplitsBackgroundsToo) {
  Dataset data{"", "voc", {"a"}, {}};
  for (int i = 0; i < 100; ++i) {
    Sample sample;
    sample.id = std::to_string(i);
    if (i < 60) sample.objects.push_back({{0, 0, 9, 9}, 0, false, false, false, ""});
    data.samples.push_back(sample);
  }
  NoProgress progress;
  const Dataset result = split(data, {.1, 0, 1, 0}, progress);
  int backgrounds = 0;
  for (const Sample& sample : subset(result, "val").samples) backgrounds += sample.objects.empty();
  EXPECT_EQ(backgrounds, 4);
  EXPECT_EQ(pictures_by_split(result), (Counts{{"train", 90}, {"val", 10}}));
}

TEST(Split, FillsEverySplitOfASmallDataset) {
  Dataset data{"", "voc", {"a", "b", "c"}, {}};
  for (int i = 0; i < 6; ++i) {
    Sample sample;
    sample.id = std::to_string(i);
    sample.objects.push_back({{0, 0, 9, 9}, i % 3, false, false, false, ""});
    data.samples.push_back(sample);
  }
  NoProgress progress;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Counts counts = pictures_by_split(split(data, {.2, .2, seed, 0}, progress));
    EXPECT_GE(counts["val"], 1);
    EXPECT_GE(counts["test"], 1);
    EXPECT_GE(counts["train"], 3);
  }
}

TEST(Split, RejectsInvalidFractions) {
  const Dataset data{"", "voc", {"a"}, {Sample{}}};
  NoProgress progress;
  EXPECT_THROW(split(data, {.5, .5, 1, 0}, progress), Error);
  EXPECT_THROW(split(data, {0, 0, 1, 0}, progress), Error);
  EXPECT_THROW(split(data, {-.1, .2, 1, 0}, progress), Error);
}

}  // namespace
}  // namespace oko::dataset

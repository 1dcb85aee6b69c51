#include "oko/dataset/stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"
#include "oko/dataset/show.h"
#include "oko/dataset/test_data.h"

namespace oko::dataset {
namespace {

using ::testing::ElementsAre;

TEST(Stats, CountBccd) {
  OKO_REFERENCE_DATA(folder, "bccd");
  const Stats stats = measure(read(folder), {416, 416}, {});
  EXPECT_EQ(stats.pictures, 364);
  EXPECT_EQ(stats.boxes, 4886);
  ASSERT_EQ(stats.splits.size(), 3u);
  EXPECT_EQ(stats.splits[0].name, "train");
  EXPECT_EQ(stats.splits[0].pictures, 205);
  EXPECT_EQ(stats.splits[0].boxes + stats.splits[1].boxes + stats.splits[2].boxes, 4886);
  int boxes = 0;
  for (const ClassStats& one : stats.classes) boxes += one.all_boxes;
  EXPECT_EQ(boxes, 4886);
  EXPECT_EQ(stats.small + stats.medium + stats.large, 4886);
  EXPECT_EQ(stats.largest_picture, (image::Size{640, 480}));
}

TEST(Stats, MeasureSizesOnTheInputAndCountBackgrounds) {
  Dataset data{"", "voc", {"a", "b"}, {}};
  Sample sample;
  sample.size = {832, 416};  // half its size on the input
  sample.objects.push_back({{0, 0, 60, 60}, 0, false, false, false, ""});
  sample.objects.push_back({{0, 0, 200, 180}, 0, true, false, false, ""});
  sample.objects.push_back({{0, 0, 6, 6}, 1, false, false, false, ""});
  sample.objects.push_back({{0, 0, 400, 400}, 1, false, true, false, ""});
  data.samples = {sample, sample};
  data.samples[1].objects.clear();
  const Stats stats = measure(data, {416, 416}, {});
  EXPECT_EQ(stats.small, 2);
  EXPECT_EQ(stats.medium, 1);
  EXPECT_EQ(stats.large, 0) << "crowd regions do not count";
  EXPECT_THAT(stats.sizes, ElementsAre(1, 0, 0, 1, 0, 1, 0, 0));
  EXPECT_EQ(stats.splits.at(0).backgrounds, 1);
  EXPECT_EQ(stats.classes[0].pictures, 1);
  EXPECT_EQ(stats.classes[0].difficult, 1);
}

TEST(ContactSheet, ShowsEveryKindOfPicture) {
  OKO_REFERENCE_DATA(folder, "coco128");
  Dataset data = read(folder);
  std::erase_if(data.samples,
                [](const Sample& s) { return s.id != "000000000009" && s.id != "000000000250"; });
  data.samples.push_back(data.samples[0]);
  data.samples.back().image += ".none";
  NoProgress progress;
  const image::Picture sheet = contact_sheet(data, {24, 2, 200, 0}, progress);
  EXPECT_GT(sheet.size.width, 400);
  EXPECT_GT(sheet.size.height, 400) << "two rows";
  EXPECT_THROW(contact_sheet(data, {0, 2, 200, 0}, progress), Error);
}

TEST(ContactSheet, IsTheSameForASeed) {
  OKO_REFERENCE_DATA(folder, "voc2007_sample");
  const Dataset data = read(folder);
  NoProgress progress;
  EXPECT_EQ(contact_sheet(data, {4, 2, 64, 3}, progress).rgb,
            contact_sheet(data, {4, 2, 64, 3}, progress).rgb);
  EXPECT_NE(contact_sheet(data, {4, 2, 64, 3}, progress).rgb,
            contact_sheet(data, {4, 2, 64, 4}, progress).rgb);
}

}  // namespace
}  // namespace oko::dataset

#include "oko/dataset/fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/dataset/test_data.h"

namespace oko::dataset {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

Dataset one_image(std::vector<Object> objects) {
  Dataset data;
  data.classes = {"cat"};
  data.samples.push_back({"a", "a.png", "", {100, 80}, 3, "", std::move(objects)});
  return data;
}

Object box(float left, float top, float right, float bottom) {
  Object object;
  object.box = {left, top, right, bottom};
  return object;
}

constexpr const char* kFormats[]{"voc", "coco", "yolo", "keras", "createml", "shards"};

TEST(Fit, CountsCrowdsIfTheFormatHasNone) {
  Object crowd = box(1, 2, 30, 40);
  crowd.crowd = true;
  for (const std::string format : kFormats) {
    const Fitted made = fitted(one_image({crowd, box(1, 2, 30, 40)}), format);
    if (format == "coco" || format == "shards" || format == "voc") {
      EXPECT_THAT(made.dropped.boxes, IsEmpty()) << format;
      EXPECT_EQ(count_objects(made.data), 2u) << format;
      EXPECT_EQ(made.data.samples[0].objects[0].difficult, format == "voc");
    } else {
      EXPECT_THAT(made.dropped.boxes, ElementsAre(Pair("crowd", 1))) << format;
      EXPECT_EQ(count_objects(made.data), 1u) << format;
    }
  }
}

// Whole pixels would have turned it into a sliver at the image's edge.
TEST(Fit, DropsBoxesOutsideAndClipsThosePastAnEdge) {
  const Dataset data = one_image({box(120, 10, 150, 40), box(90, 10, 130, 40)});
  for (const std::string format : kFormats) {
    const Fitted made = fitted(data, format);
    const bool holds_all = format == "coco" || format == "createml" || format == "shards";
    EXPECT_EQ(count_objects(made.data), holds_all ? 2u : 1u) << format;
    EXPECT_EQ(made.dropped.box_count(), holds_all ? 0 : 1) << format;
    EXPECT_EQ(made.boxes_clipped, holds_all ? 0 : 1) << format;
    if (!holds_all) {
      EXPECT_EQ(made.data.samples[0].objects[0].box, (image::Box{90, 10, 100, 40})) << format;
    }
  }
}

TEST(Fit, TellsOfSplitsThatReadersOfTheFormatDoNotKnow) {
  Dataset data;
  data.samples.resize(4);
  data.samples[0].split = "train";
  data.samples[1].split = "holdout";
  data.samples[2].split = "Train";
  for (const char* format : {"voc", "coco", "yolo", "keras", "createml"}) {
    EXPECT_THAT(fitted(data, format).flags_lost,
                ElementsAre(Pair("split Train", 1), Pair("split holdout", 1)))
        << format;
  }
  EXPECT_TRUE(fitted(data, "shards").flags_lost.empty());
}

TEST(Fit, LeavesBoxesOfImagesOfUnknownSizeAlone) {
  Dataset data = one_image({box(120, 10, 150, 40)});
  data.samples[0].size = {};
  EXPECT_EQ(count_objects(fitted(data, "voc").data), 1u);
}

TEST(Fit, CountsFlagsThatTheFormatCannotHold) {
  Object marked = box(1, 2, 30, 40);
  marked.difficult = marked.truncated = true;
  EXPECT_THAT(fitted(one_image({marked}), "yolo").flags_lost,
              ElementsAre(Pair("difficult", 1), Pair("truncated", 1)));
  EXPECT_THAT(fitted(one_image({marked}), "coco").flags_lost, ElementsAre(Pair("truncated", 1)));
  EXPECT_THAT(fitted(one_image({marked}), "voc").flags_lost, IsEmpty());
  EXPECT_THAT(fitted(one_image({marked}), "shards").flags_lost, IsEmpty());
}

TEST(Fitted, CountsASplitThatIsTheSameAsAnotherIfTheFormatCannotHoldIt) {
  Dataset data;
  data.samples = {{"a", "a.png", "", {9, 9}, 3, "train", {}}};
  data.same_splits = {{"val", "train"}};
  EXPECT_TRUE(fitted(data, "yolo").flags_lost.empty());
  EXPECT_EQ(fitted(data, "coco").flags_lost, (Counts{{"val has the images of train", 1}}));
}

}  // namespace
}  // namespace oko::dataset

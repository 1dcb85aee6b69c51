#include "oko/dataset/anchors.h"

#include <gtest/gtest.h>

#include "oko/base/error.h"
#include "oko/dataset/read.h"
#include "oko/dataset/test_data.h"

namespace oko::dataset {
namespace {

Dataset with_boxes(const std::vector<image::Size>& boxes, image::Size picture) {
  Dataset data;
  data.classes = {"thing"};
  Sample sample;
  sample.size = picture;
  for (const image::Size box : boxes) {
    sample.objects.push_back({{0, 0, static_cast<float>(box.width), static_cast<float>(box.height)},
                              0,
                              false,
                              false,
                              false,
                              ""});
  }
  data.samples.push_back(sample);
  return data;
}

TEST(Anchors, FitRaccoonBetterThanThePublishedOnes) {
  OKO_REFERENCE_DATA(folder, "raccoon");
  const Dataset data = read(folder);
  const image::Size input{416, 416};
  const std::vector<graph::Anchor> published{{10, 14}, {23, 27},   {37, 58},
                                             {81, 82}, {135, 169}, {344, 319}};
  const AnchorFit fit = cluster_anchors(data, 6, input, {}, 1);
  const AnchorFit other = measure_anchors(data, published, input, {});
  EXPECT_EQ(fit.boxes, 217u);
  ASSERT_EQ(fit.anchors.size(), 6u);
  EXPECT_GT(fit.mean_best_iou, .78);
  EXPECT_GT(fit.recall, .97);
  EXPECT_GT(fit.mean_best_iou, other.mean_best_iou + .1);
  EXPECT_DOUBLE_EQ(mean_best_iou(data, fit.anchors, input, {}), fit.mean_best_iou);
  for (std::size_t i = 1; i < fit.anchors.size(); ++i) {
    EXPECT_LE(fit.anchors[i - 1].width * fit.anchors[i - 1].height,
              fit.anchors[i].width * fit.anchors[i].height);
  }
}

TEST(Anchors, AreTheSameForASeed) {
  OKO_REFERENCE_DATA(folder, "bccd");
  const Dataset data = read(folder);
  const auto first = cluster_anchors(data, 6, {320, 320}, {}, 7);
  EXPECT_EQ(first.anchors, cluster_anchors(data, 6, {320, 320}, {}, 7).anchors);
}

TEST(Anchors, AreMeasuredOnTheLetterboxedInput) {
  // An 800×400 image is scaled by half on a 400×400 input.
  const Dataset data = with_boxes({{100, 50}, {100, 50}}, {800, 400});
  const AnchorFit fit = cluster_anchors(data, 1, {400, 400}, {});
  ASSERT_EQ(fit.anchors.size(), 1u);
  EXPECT_FLOAT_EQ(fit.anchors[0].width, 50);
  EXPECT_FLOAT_EQ(fit.anchors[0].height, 25);
  EXPECT_NEAR(fit.mean_best_iou, 1, 1e-6);
}

TEST(Anchors, AreFilledUpIfThereAreFewSizes) {
  const Dataset data = with_boxes({{40, 40}, {80, 80}}, {416, 416});
  const AnchorFit fit = cluster_anchors(data, 6, {416, 416}, {});
  ASSERT_EQ(fit.anchors.size(), 6u);
  EXPECT_NEAR(fit.mean_best_iou, 1, 1e-6);
  for (std::size_t i = 1; i < 6; ++i) EXPECT_FALSE(fit.anchors[i] == fit.anchors[i - 1]);
}

TEST(Anchors, FindSeparateClustersExactly) {
  std::vector<image::Size> boxes;
  for (int i = 0; i < 10; ++i) {
    boxes.push_back({20, 20});
    boxes.push_back({100, 30});
    boxes.push_back({200, 200});
    boxes.push_back({30, 100});
  }
  const AnchorFit fit = cluster_anchors(with_boxes(boxes, {416, 416}), 4, {416, 416}, {});
  EXPECT_NEAR(fit.mean_best_iou, 1, 1e-6);
}

TEST(Anchors, RejectADatasetWithoutBoxes) {
  EXPECT_THROW(cluster_anchors(with_boxes({}, {9, 9}), 3, {416, 416}, {}), Error);
  EXPECT_THROW(cluster_anchors(with_boxes({{3, 3}}, {9, 9}), 0, {416, 416}, {}), Error);
}

}  // namespace
}  // namespace oko::dataset

#include "oko/detect/detector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "oko/base/error.h"

namespace oko::detect {
namespace {

// One head with one cell over a 32 × 32 input: the box is the anchor in its middle.
graph::Network tiny_network(float width, float height) {
  graph::Network network;
  network.name = "tiny";
  network.input = {3, 32, 32};
  network.layers.push_back({"head",
                            graph::Yolo{.anchors = {{width, height}}, .mask = {0}, .classes = 1},
                            {graph::kNetworkInput},
                            {6, 1, 1}});
  return network;
}

// Finds one box whose score depends on the brightness of the middle of the image.
class BrightnessEngine : public Engine {
 public:
  explicit BrightnessEngine(std::vector<int>* batches) : batches_(batches) {}
  std::vector<std::vector<HeadMap>> run(std::span<const float> input, int batch) override {
    batches_->push_back(batch);
    const auto count = static_cast<std::size_t>(batch);
    maps_.assign(count, {0, 0, 0, 0, 0, 20});
    std::vector<std::vector<HeadMap>> result;
    for (std::size_t i = 0; i < count; ++i) {
      maps_[i][4] = 20 * (input[i * 3 * 32 * 32 + 16 * 32 + 16] - .5F);
      result.push_back({maps_[i]});
    }
    return result;
  }

 private:
  std::vector<int>* batches_;
  std::vector<std::vector<float>> maps_;
};

image::Picture plain(image::Size size, std::uint8_t value) {
  return {size, std::vector<std::uint8_t>(static_cast<std::size_t>(size.width) *
                                              static_cast<std::size_t>(size.height) * 3,
                                          value)};
}

class DetectorTest : public testing::Test {
 protected:
  Detector make(float width, float height) {
    return {tiny_network(width, height), std::make_unique<BrightnessEngine>(&batches_)};
  }
  std::vector<int> batches_;
};

TEST_F(DetectorTest, ReturnsBoxesInTheFramesOwnPixels) {
  Detector detector = make(8, 4);
  const auto white = plain({640, 320}, 255);  // scale 1/20, bars of 8
  const Result result = detector.detect(white.frame(), {});
  ASSERT_EQ(result.detections.size(), 1U);
  const image::Box& box = result.detections[0].box;
  EXPECT_NEAR(box.left, 240, 1e-3);
  EXPECT_NEAR(box.right, 400, 1e-3);
  EXPECT_NEAR(box.top, 120, 1e-3);
  EXPECT_NEAR(box.bottom, 200, 1e-3);
  EXPECT_EQ(result.best_score, result.detections[0].score);
}

TEST_F(DetectorTest, ClipsBoxesToTheFrame) {
  Detector detector = make(64, 30);
  const auto white = plain({640, 320}, 255);
  const Result result = detector.detect(white.frame(), {});
  ASSERT_EQ(result.detections.size(), 1U);
  EXPECT_EQ(result.detections[0].box, (image::Box{0, 0, 640, 320}));
}

// A camera sensor is rotated: what is wide in the input is tall in the stored frame.
TEST_F(DetectorTest, ReturnsBoxesInTheStoredPixelsOfRotatedFrames) {
  Detector detector = make(8, 4);
  const auto white = plain({640, 320}, 255);
  image::Frame frame = white.frame();
  frame.rotation = image::Rotation::k90;  // upright 320 x 640, scale 1/20, bars of 8
  const Result result = detector.detect(frame, {});
  ASSERT_EQ(result.detections.size(), 1U);
  const image::Box& box = result.detections[0].box;
  EXPECT_NEAR(box.left, 280, 1e-3);
  EXPECT_NEAR(box.right, 360, 1e-3);
  EXPECT_NEAR(box.top, 80, 1e-3);
  EXPECT_NEAR(box.bottom, 240, 1e-3);
}

TEST_F(DetectorTest, ClipsBoxesToTheRegion) {
  Detector detector = make(64, 30);
  const auto white = plain({640, 320}, 255);
  image::Frame frame = white.frame();
  frame.region = {300, 100, 128, 64};
  const Result result = detector.detect(frame, {});
  ASSERT_EQ(result.detections.size(), 1U);
  EXPECT_EQ(result.detections[0].box, (image::Box{300, 100, 428, 164}));
}

TEST_F(DetectorTest, ReportsTheBestScoreIfNothingPasses) {
  Detector detector = make(8, 8);
  const auto grey = plain({32, 32}, 100);
  const Result result = detector.detect(grey.frame(), {});
  EXPECT_TRUE(result.detections.empty());
  EXPECT_NEAR(result.best_score, .1045, 1e-3);  // σ(20 · (100/255 − .5))
}

TEST_F(DetectorTest, UsesTheThresholdOfEachClass) {
  Detector detector = make(8, 8);
  const auto grey = plain({32, 32}, 100);  // scores .1045, as above
  Thresholds thresholds;
  thresholds.class_scores = {.1F};
  EXPECT_EQ(detector.detect(grey.frame(), thresholds).detections.size(), 1U);
  thresholds = {};
  thresholds.score = .05F;
  thresholds.class_scores = {.2F};
  const Result result = detector.detect(grey.frame(), thresholds);
  EXPECT_TRUE(result.detections.empty());
  EXPECT_NEAR(result.best_score, .1045, 1e-3);
}

TEST_F(DetectorTest, RunsSeveralFramesInOneBatchInOrder) {
  Detector detector = make(8, 8);
  const auto white = plain({50, 50}, 255), black = plain({20, 60}, 0);
  const image::Frame frames[] = {white.frame(), black.frame(), white.frame()};
  const auto results = detector.detect(frames, {});
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0].detections.size(), 1U);
  EXPECT_EQ(results[1].detections.size(), 0U);
  EXPECT_EQ(results[2].detections.size(), 1U);
  EXPECT_EQ(batches_, std::vector{3});
}

TEST_F(DetectorTest, DoesNotRunTheEngineWithoutFrames) {
  Detector detector = make(8, 8);
  EXPECT_TRUE(detector.detect(std::span<const image::Frame>{}, {}).empty());
  EXPECT_TRUE(batches_.empty());
}

TEST_F(DetectorTest, RejectsNetworksThatAreNotImageDetectors) {
  graph::Network grey = tiny_network(8, 8);
  grey.input.channels = 1;
  EXPECT_THROW(Detector(grey, std::make_unique<BrightnessEngine>(&batches_)), Error);
  graph::Network headless = tiny_network(8, 8);
  headless.layers.clear();
  EXPECT_THROW(Detector(headless, std::make_unique<BrightnessEngine>(&batches_)), Error);
}

}  // namespace
}  // namespace oko::detect

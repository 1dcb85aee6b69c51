#include "oko/detect/tiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "oko/base/error.h"
#include "oko/detect/detector.h"
#include "oko/image/tiles.h"

namespace oko::detect {
namespace {

constexpr image::Region kWhole{0, 0, 700, 200};
constexpr image::Region kLeft{0, 0, 400, 200}, kRight{300, 0, 400, 200};  // two tiles of it

Detection at(float left, float right, float score, int class_id = 0) {
  return {class_id, score, {left, 50, right, 150}};
}
std::vector<Detection> merged(const std::vector<Part>& parts, const Thresholds& thresholds = {}) {
  return merge(parts, kWhole, thresholds, 0);
}
std::vector<float> scores(const std::vector<Detection>& found) {
  std::vector<float> all;
  for (const Detection& d : found) all.push_back(d.score);
  return all;
}

using ::testing::ElementsAre;

TEST(Merge, KeepsTheBestOfAnObjectThatSeveralPartsSee) {
  const auto found = merged({{kLeft, {at(310, 380, .6F)}},
                             {kRight, {at(312, 378, .9F), at(500, 600, .5F)}},
                             {kWhole, {at(305, 385, .4F)}}});
  EXPECT_THAT(scores(found), ElementsAre(.9F, .5F));
}

// The object from 250 to 390: cut by the right tile's edge, whole in the left one.
TEST(Merge, DropsThePieceOfAnObjectThatATileSeesWhole) {
  for (const float piece : {.3F, .95F}) {
    const auto found = merged({{kLeft, {at(250, 390, .7F)}}, {kRight, {at(301, 389, piece)}}});
    EXPECT_THAT(scores(found), ElementsAre(.7F)) << piece;
  }
}

// From 200 to 500, wider than the tiles' overlap: both see pieces, and only the whole frame all.
TEST(Merge, DropsAllPiecesOfAnObjectThatOnlyTheWholeFrameSees) {
  const auto found = merged({{kLeft, {at(200, 397, .8F)}},
                             {kRight, {at(300, 500, .85F)}},
                             {kWhole, {at(198, 503, .5F)}}});
  EXPECT_THAT(scores(found), ElementsAre(.5F));
}

TEST(Merge, LeavesLargeObjectsToTheWholeFrame) {
  EXPECT_TRUE(merged({{kLeft, {at(50, 260, .8F)}}}).empty());
  EXPECT_THAT(scores(merged({{kLeft, {at(50, 250, .8F)}}, {kWhole, {at(10, 600, .3F)}}})),
              ElementsAre(.8F, .3F));
}

TEST(Merge, KnowsAllFourSeams) {
  const image::Region whole{0, 0, 300, 300}, middle{100, 100, 100, 100};
  const Detection inside{0, .5F, {130, 130, 170, 170}};
  EXPECT_EQ(merge(std::vector<Part>{{middle, {inside}}}, whole, {}, 0).size(), 1U);
  for (const image::Box cut : {image::Box{101, 130, 140, 170}, image::Box{130, 99, 170, 140},
                               image::Box{160, 130, 199, 170}, image::Box{130, 160, 170, 201}}) {
    EXPECT_TRUE(merge(std::vector<Part>{{middle, {{0, .5F, cut}}}}, whole, {}, 0).empty());
  }
}

TEST(Merge, KeepsASmallObjectInFrontOfALargerOne) {
  const auto found = merged({{kLeft, {at(100, 130, .5F)}}, {kWhole, {at(50, 350, .9F)}}});
  EXPECT_THAT(scores(found), ElementsAre(.9F, .5F));
}

TEST(Merge, EdgesOfTheFrameAreNoSeams) {
  const auto found = merged({{kLeft, {at(0, 60, .5F)}}, {kWhole, {at(0, 300, .9F)}}});
  EXPECT_THAT(scores(found), ElementsAre(.9F, .5F));
}

TEST(Merge, ComparesClassesAsSuppressionDoes) {
  const std::vector<Part> parts = {{kLeft, {at(310, 380, .6F, 1)}},
                                   {kRight, {at(311, 379, .9F, 2)}}};
  EXPECT_THAT(scores(merged(parts)), ElementsAre(.9F, .6F));
  Thresholds agnostic;
  agnostic.nms = NmsKind::kClassAgnostic;
  EXPECT_THAT(scores(merged(parts, agnostic)), ElementsAre(.9F));
}

TEST(Merge, LeavesWhatOnePartFoundToItsOwnSuppression) {
  Thresholds soft;
  soft.nms = NmsKind::kSoft;
  const std::vector<Detection> both = {at(100, 200, .9F), at(110, 210, .5F)};
  EXPECT_THAT(scores(merged({{kWhole, both}}, soft)), ElementsAre(.9F, .5F));
  EXPECT_THAT(scores(merged({{kWhole, both}, {kLeft, {at(101, 201, .8F)}}}, soft)),
              ElementsAre(.9F, .5F));
}

TEST(Merge, KeepsTheBestOfAll) {
  Thresholds two;
  two.max_detections = 2;
  const auto found =
      merged({{kLeft, {at(10, 20, .3F), at(30, 40, .6F)}}, {kRight, {at(600, 610, .5F)}}}, two);
  EXPECT_THAT(scores(found), ElementsAre(.6F, .5F));
  EXPECT_THAT(merged({}), ElementsAre());
}

// Finds a box around the middle of its input, of the whole height, if that is bright.
class MiddleEngine : public Engine {
 public:
  std::vector<std::vector<HeadMap>> run(std::span<const float> input, int) override {
    map_ = {0, 0, 0, 0, 20 * (input[16 * 32 + 16] - .5F), 20};
    return {{map_}};
  }

 private:
  std::vector<float> map_;
};

Detector middle_detector() {
  graph::Network network;
  network.name = "middle";
  network.input = {3, 32, 32};
  network.layers.push_back({"head",
                            graph::Yolo{.anchors = {{8, 8}}, .mask = {0}, .classes = 1},
                            {graph::kNetworkInput},
                            {6, 1, 1}});
  return {std::move(network), std::make_unique<MiddleEngine>()};
}

// 700 × 700, bright around (500, 200): the middle of the tile at the top right.
image::Picture bright_spot() {
  image::Picture picture{{700, 700}, std::vector<std::uint8_t>(700 * 700 * 3)};
  for (std::size_t y = 150; y < 250; ++y) {
    for (std::size_t x = 450; x < 550; ++x) {
      for (std::size_t c = 0; c < 3; ++c) picture.rgb[(y * 700 + x) * 3 + c] = 255;
    }
  }
  return picture;
}

TEST(DetectTiled, FindsWhatTheWholeFrameDoesNotShow) {
  Detector detector = middle_detector();
  const image::Picture picture = bright_spot();
  EXPECT_TRUE(detector.detect_tiled(picture.frame(), {}, 1).detections.empty());
  const Result result = detector.detect_tiled(picture.frame(), {}, 2);
  ASSERT_EQ(result.detections.size(), 1U);
  const image::Box& box = result.detections[0].box;  // 8 of 32 pixels of a tile of 400
  EXPECT_NEAR(box.left, 450, 1);
  EXPECT_NEAR(box.right, 550, 1);
  EXPECT_NEAR(box.top, 150, 1);
  EXPECT_NEAR(box.bottom, 250, 1);
  EXPECT_EQ(result.best_score, result.detections[0].score);
  ASSERT_FALSE(detector.heads().empty());
  EXPECT_LT(detector.heads()[0].data()[4], 0);  // of the whole frame
  EXPECT_GT(detector.timing().network, 0);
}

TEST(DetectTiled, CutsTheRegionOfATurnedFrame) {
  Detector detector = middle_detector();
  const image::Picture picture = bright_spot();
  image::Frame frame = picture.frame();
  frame.rotation = image::Rotation::k90;
  frame.mirror = true;
  frame.region = {300, 0, 400, 400};  // its middle is the spot's
  const Result result = detector.detect_tiled(frame, {}, 2);
  ASSERT_EQ(result.detections.size(), 1U);
  EXPECT_NEAR(result.detections[0].box.left, 450, 1);
  EXPECT_NEAR(result.detections[0].box.bottom, 250, 1);
  frame.region = {0, 0, 0, 701};
  EXPECT_THROW(detector.detect_tiled(frame, {}, 2), Error);
}

}  // namespace
}  // namespace oko::detect

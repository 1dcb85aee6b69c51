#include <gtest/gtest.h>
#include <oko/live.hpp>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/bindings/reference_model.h"

namespace oko::phone {
namespace {

using bindings::reference_model;

constexpr std::int32_t kWidth = 640, kHeight = 360;

class LiveHpp : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string path = reference::path_of("video/raw_frames/bottle_frame149_640x360.nv12");
    if (path.empty()) GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
    nv12_ = reference::read_file(path);
  }
  Frame frame() const {
    const auto* luma = reinterpret_cast<const std::uint8_t*>(nv12_.data());
    return Frame::nv12(luma, luma + kWidth * kHeight, kWidth, kHeight);
  }
  static Model& model() {
    static Model made = Model::open(reference_model()).value();
    return made;
  }
  static Model& smaller() {
    static Model made = Model::open(reference_model(), {.width = 160, .height = 160}).value();
    return made;
  }
  Bytes nv12_;
};

TEST_F(LiveHpp, FollowsTheBottles) {
  Tracker tracker = Tracker::create({.confirm = 1}).value();
  Detector detector = Detector::create(model()).value();
  const std::int32_t zone =
      tracker.counters()
          .add_zone(std::vector<Point>{{0, 0}, {kWidth, 0}, {kWidth, kHeight}, {0, kHeight}})
          .value();
  ASSERT_EQ(tracker.detect(detector, frame(), 0)->size(), 3U);
  EXPECT_EQ(tracker.events()->size(), 6U);  // each appears, and is in the zone
  const auto objects = tracker.detect(detector, frame(), .1);
  ASSERT_TRUE(objects);
  const auto found = detector.detect(frame());
  ASSERT_EQ(objects->size(), found->size());
  EXPECT_EQ(tracker.counters().counts(zone)->inside, 3);
  EXPECT_EQ(tracker.detect(detector, frame(), 0).error().status, Status::kInvalidArgument);
}

TEST_F(LiveHpp, LooksAtTheNewestFrame) {
  std::vector<std::string> words;
  Live live = Live::create(std::array{&model(), &smaller()},
                           {.budget_ms = .001,
                            .log = [&](bool, std::string_view text) { words.emplace_back(text); }})
                  .value();
  EXPECT_EQ(*live.submit(frame(), 0), Taken::kTaken);
  EXPECT_EQ(*live.submit(frame(), .1), Taken::kTakenNewer);
  LiveResult result = live.next().value();
  EXPECT_EQ(result.seconds, .1);
  EXPECT_EQ(live.detections()->size(), 3U);
  for (int i = 2; i < 8; ++i) {
    live.submit(frame(), i / 10.).value();
    result = live.next().value();
  }
  EXPECT_EQ(result.width, 160);  // nothing keeps to a budget of a microsecond
  EXPECT_FALSE(words.empty());
  EXPECT_TRUE(live.set_thresholds({.max_detections = 1}));
  live.submit(frame(), 8).value();
  EXPECT_EQ(live.next()->detection_count, 1U);
  const std::array<float, 2> unfit{.5F, .5F};
  EXPECT_EQ(live.set_thresholds({.class_scores = unfit}).error().status, Status::kInvalidArgument);
  EXPECT_TRUE(live.counters());
  EXPECT_TRUE(live.swap(std::array{&model()}));
  EXPECT_TRUE(live.revert());
  EXPECT_TRUE(live.trim());
  EXPECT_EQ(live.revert().error().status, Status::kFailed);
  EXPECT_TRUE(live.set_heat(Heat::kFair));
  EXPECT_EQ(live.status().looked_at, 8);
  live.stop();
  EXPECT_EQ(live.next()->stopped, 1);
  EXPECT_EQ(*live.submit(frame(), 9), Taken::kSkippedStop);
}

}  // namespace
}  // namespace oko::phone

#include "oko/track/tracker.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/test_allocations.h"
#include "oko/track/testing/scene.h"

namespace oko::track {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr double kStep = 1. / 30;

image::Box box_at(double x, double y, double side = 40) {
  return {static_cast<float>(x - side / 2), static_cast<float>(y - side / 2),
          static_cast<float>(x + side / 2), static_cast<float>(y + side / 2)};
}

detect::Detection at(double x, double y = 100, float score = .9F, int class_id = 0) {
  return {class_id, score, box_at(x, y)};
}

std::vector<std::uint64_t> ids(std::span<const Object> objects) {
  std::vector<std::uint64_t> ids;
  for (const Object& object : objects) ids.push_back(object.id);
  return ids;
}

std::vector<EventKind> kinds(std::span<const Event> events) {
  std::vector<EventKind> kinds;
  for (const Event& event : events) kinds.push_back(event.kind);
  return kinds;
}

// A tracker with its clock.
struct Watched {
  Tracker tracker;
  double now = 0;
  explicit Watched(Options options = {}) : tracker(options) {}
  std::span<const Object> see(const std::vector<detect::Detection>& detections) {
    now += kStep;
    return tracker.update(detections, {.score = .5F}, now);
  }
};

TEST(Tracker, ShowsWhatWasDetectedTwice) {
  Watched w;
  EXPECT_THAT(w.see({at(50)}), IsEmpty());
  EXPECT_THAT(ids(w.see({at(52)})), ElementsAre(1));
  EXPECT_THAT(kinds(w.tracker.events()), ElementsAre(EventKind::kAppeared));
  // What was there once was noise, and has no id.
  w.see({at(54), at(300)});
  EXPECT_THAT(ids(w.see({at(56)})), ElementsAre(1));
  w.see({at(58), at(500)});
  EXPECT_THAT(ids(w.see({at(60), at(500)})), ElementsAre(1, 2));
}

TEST(Tracker, ShowsAtOnceWhereThatIsWanted) {
  Watched w({.confirm = 1});
  EXPECT_THAT(ids(w.see({at(50), at(200)})), ElementsAre(1, 2));
}

TEST(Tracker, KeepsTheIdThroughAnOcclusion) {
  Watched w;
  double x = 50;
  for (int i = 0; i < 20; ++i) w.see({at(x += 4)});
  for (int i = 0; i < 20; ++i) {  // two thirds of a second behind a tree
    x += 4;
    const auto objects = w.see({});
    ASSERT_THAT(ids(objects), ElementsAre(1));
    EXPECT_EQ(objects[0].state, State::kHidden);
    EXPECT_NEAR(objects[0].hidden, (i + 1) * kStep, 1e-9);
    EXPECT_THAT(kinds(w.tracker.events()),
                i == 0 ? testing::ElementsAreArray({EventKind::kHidden})
                       : testing::ElementsAreArray(std::vector<EventKind>{}));
  }
  const auto objects = w.see({at(x += 4)});
  EXPECT_THAT(ids(objects), ElementsAre(1));
  EXPECT_EQ(objects[0].state, State::kSeen);
  EXPECT_THAT(kinds(w.tracker.events()), ElementsAre(EventKind::kFound));
}

TEST(Tracker, ForgetsWhatIsHiddenForTooLong) {
  Watched w({.lost_seconds = .5});
  for (int i = 0; i < 5; ++i) w.see({at(50)});
  int frames = 0;
  while (!w.see({}).empty()) ++frames;
  EXPECT_EQ(frames, 15);
  EXPECT_THAT(kinds(w.tracker.events()), ElementsAre(EventKind::kGone));
  w.see({at(50)});
  EXPECT_THAT(ids(w.see({at(50)})), ElementsAre(2));  // ids are not used again
}

TEST(Tracker, ForgetsWhatWasSeenBeforeAPause) {
  Watched w;
  for (int i = 0; i < 5; ++i) w.see({at(50), at(200)});
  w.see({at(50)});
  w.now += 3600;
  w.see({at(50), at(200)});
  EXPECT_THAT(kinds(w.tracker.events()), ElementsAre(EventKind::kGone, EventKind::kGone));
  EXPECT_THAT(ids(w.see({at(50), at(200)})), ElementsAre(3, 4));
  // A frame every two seconds is no pause: that is what a phone that is too hot looks at.
  w.now += 2;
  EXPECT_THAT(ids(w.see({at(50), at(200)})), ElementsAre(3, 4));
}

TEST(Tracker, ForgetsObjectsAndKeepsCounts) {
  Watched w;
  const int zone =
      w.tracker.counters().add_zone(std::vector<Point>{{0, 0}, {400, 0}, {400, 400}, {0, 400}}, -1);
  for (int i = 0; i < 5; ++i) w.see({at(50)});
  EXPECT_EQ(w.tracker.counters().counts(zone).inside, 1);
  w.tracker.forget();
  EXPECT_THAT(w.tracker.objects(), IsEmpty());
  EXPECT_EQ(w.tracker.counters().counts(zone).in, 1);
  EXPECT_EQ(w.tracker.counters().counts(zone).inside, 0);
  w.see({at(50)});
  EXPECT_THAT(ids(w.see({at(50)})), ElementsAre(2));
}

TEST(Tracker, DoesNotExchangeObjectsThatPassEachOther) {
  Watched w;
  double left = 50, right = 350;
  std::vector<std::uint64_t> first;
  for (int i = 0; i < 60; ++i) {
    left += 5;
    right -= 5;
    std::vector<detect::Detection> seen = {at(left, 100)};
    // While they overlap, only the nearer one is found.
    if (std::abs(left - right) > 30) seen.push_back(at(right, 106));
    w.see(seen);
  }
  const auto objects = w.tracker.objects();
  ASSERT_EQ(objects.size(), 2U);
  EXPECT_GT(objects[0].box.left, objects[1].box.left);
  EXPECT_THAT(ids(objects), ElementsAre(1, 2));
}

TEST(Tracker, ContinuesByUnsureDetectionsButStartsNone) {
  Watched w;
  for (int i = 0; i < 10; ++i) w.see({at(50)});
  for (int i = 0; i < 10; ++i) {
    const auto objects = w.see({at(50, 100, .2F), at(400, 100, .2F)});
    ASSERT_THAT(ids(objects), ElementsAre(1));
    EXPECT_EQ(objects[0].state, State::kSeen);
    EXPECT_FLOAT_EQ(objects[0].score, .2F);
  }
  // Below low_score, they are nothing.
  EXPECT_EQ(w.see({at(50, 100, .05F)})[0].state, State::kHidden);
}

TEST(Tracker, KeepsClassesApart) {
  Watched w;
  w.see({at(50, 100, .9F, 0), at(50, 100, .8F, 1)});
  const auto objects = w.see({at(50, 100, .8F, 1), at(50, 100, .9F, 0)});
  ASSERT_EQ(objects.size(), 2U);
  EXPECT_EQ(objects[0].class_id, 0);
  EXPECT_EQ(objects[1].class_id, 1);
  w.see({at(50, 100, .9F, 0), at(50, 100, .8F, 1)});
  EXPECT_THAT(ids(w.tracker.objects()), ElementsAre(1, 2));
  // Each class has its own threshold.
  Tracker tracker(Options{.confirm = 1});
  const detect::Thresholds thresholds{.score = .5F, .class_scores = {.9F, .1F}};
  const std::vector<detect::Detection> seen = {at(50, 100, .7F, 0), at(150, 100, .7F, 1)};
  const auto found = tracker.update(seen, thresholds, 0);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].class_id, 1);
}

TEST(Tracker, KnowsVelocitiesWhateverTheFrameRate) {
  for (const double rate : {5., 30., 60.}) {
    Tracker tracker(Options{});
    for (int i = 0; i <= 2 * rate; ++i) {
      const double time = i / rate;
      const std::vector<detect::Detection> seen = {at(50 + 90 * time, 100 + 45 * time)};
      tracker.update(seen, {.score = .5F}, time);
    }
    ASSERT_EQ(tracker.objects().size(), 1U);
    EXPECT_EQ(tracker.objects()[0].id, 1U) << rate;
    EXPECT_NEAR(tracker.objects()[0].velocity_x, 90, 6) << rate;
    EXPECT_NEAR(tracker.objects()[0].velocity_y, 45, 4) << rate;
    EXPECT_NEAR(tracker.objects()[0].age, 2, 1e-9);
  }
}

TEST(Tracker, FollowsAJerkOfTheCamera) {
  Watched w;
  const std::vector<detect::Detection> before = {at(100), at(200), at(300), at(400), at(500)};
  for (int i = 0; i < 10; ++i) w.see(before);
  // All move by two thirds of their size, and one is only half as sure.
  const std::vector<detect::Detection> after = {at(127), at(227), at(327), at(427),
                                                at(527, 100, .3F)};
  EXPECT_THAT(ids(w.see(after)), ElementsAre(1, 2, 3, 4, 5));
  for (const Object& object : w.tracker.objects()) EXPECT_EQ(object.state, State::kSeen);
}

TEST(Tracker, CountsWhatCrossesALine) {
  Watched w;
  const int line = w.tracker.counters().add_line({200, 200}, {200, 0}, -1);
  int crossed = 0;
  for (double x = 100; x < 300; x += 5) {
    w.see({at(x)});
    for (const Event& event : w.tracker.events()) {
      if (event.kind != EventKind::kIn) continue;
      ++crossed;
      EXPECT_EQ(event.object, 1U);
      EXPECT_EQ(event.counter, line);
    }
  }
  EXPECT_EQ(crossed, 1);
  EXPECT_EQ(w.tracker.counters().counts(line).in, 1);
}

TEST(Tracker, TakesNoTimeThatGoesBack) {
  Tracker tracker(Options{});
  const std::vector<detect::Detection> seen = {at(50)};
  tracker.update(seen, {}, 10);
  tracker.update(seen, {}, 10);  // two frames of the same time are possible
  EXPECT_THROW(tracker.update(seen, {}, 9.9), Error);
  EXPECT_THROW(tracker.update(seen, {}, NAN), Error);
  EXPECT_THAT(ids(tracker.update(seen, {}, 10.1)), ElementsAre(1));
  tracker.reset();
  tracker.update(seen, {}, 0);
  EXPECT_THAT(ids(tracker.update(seen, {}, .1)), ElementsAre(2));
}

TEST(Tracker, IgnoresBoxesThatAreNone) {
  Watched w({.confirm = 1});
  const float nan = NAN;
  EXPECT_THAT(w.see({{0, .9F, {10, 10, 10, 40}},
                     {0, .9F, {10, 10, nan, 40}},
                     {0, nan, box_at(50, 50)},
                     {0, .9F, {40, 10, 10, 40}},
                     {0, .9F, {-INFINITY, 0, INFINITY, 10}}}),
              IsEmpty());
}

TEST(Tracker, FollowsNoMoreThanItMay) {
  Watched w({.most_objects = 2, .confirm = 1});
  EXPECT_THAT(ids(w.see({at(50), at(150), at(250)})), ElementsAre(1, 2));
}

TEST(Tracker, RefusesSettingsThatMakeNoSense) {
  for (const auto& change : std::vector<std::function<void(Options&)>>{
           [](Options& o) { o.most_objects = 0; }, [](Options& o) { o.most_objects = 4097; },
           [](Options& o) { o.low_score = -1; }, [](Options& o) { o.low_score = NAN; },
           [](Options& o) { o.lost_seconds = -1; }, [](Options& o) { o.confirm = 0; },
           [](Options& o) { o.smoothing = 0; }, [](Options& o) { o.smoothing = NAN; }}) {
    Options options;
    change(options);
    EXPECT_THROW(Tracker{options}, Error);
  }
}

TEST(Tracker, AllocatesNothingForAFrame) {
  const Clip clip = rendered(scenes()[2], 3);  // fifty objects
  Tracker tracker(Options{});
  tracker.counters().add_line({320, 0}, {320, 360}, -1);
  tracker.counters().add_zone(std::vector<Point>{{0, 0}, {320, 0}, {320, 180}}, -1);
  const detect::Thresholds thresholds{.score = .4F};
  std::size_t most = 0;
  const long before = allocations;
  for (const ClipFrame& frame : clip.frames) {
    most = std::max(most, tracker.update(frame.detections, thresholds, frame.seconds).size());
  }
  EXPECT_EQ(allocations - before, 0);
  EXPECT_GT(most, 20U);
}

}  // namespace
}  // namespace oko::track

#include "oko/track/counters.h"

#include <gmock/gmock.h>

#include <cmath>
#include <vector>

#include "oko/base/error.h"

namespace oko::track {
namespace {

struct Walk {
  Counters counters;
  CounterState state;
  std::vector<Event> events;
  int class_id = 0;
  void go(std::vector<Point> points) {
    for (const Point& point : points)
      counters.move(state, point, 20, {.object = 1, .class_id = class_id}, events);
  }
};

TEST(Counters, CountsAcrossALineInBothDirections) {
  Walk walk;
  // Upwards, so that its right is the picture's right.
  const int line = walk.counters.add_line({100, 200}, {100, 0}, -1);
  walk.go({{50, 100}, {90, 100}, {120, 100}});
  EXPECT_EQ(walk.counters.counts(line).in, 1);
  walk.go({{90, 100}, {130, 100}, {60, 100}});
  EXPECT_EQ(walk.counters.counts(line).in, 2);
  EXPECT_EQ(walk.counters.counts(line).out, 2);
  EXPECT_EQ(walk.counters.counts(line).inside, 0);
  ASSERT_EQ(walk.events.size(), 4U);
  EXPECT_EQ(walk.events[0].kind, EventKind::kIn);
  EXPECT_EQ(walk.events[1].kind, EventKind::kOut);
  EXPECT_EQ(walk.events[0].counter, line);
}

TEST(Counters, DoesNotCountBesideALine) {
  Walk walk;
  const int line = walk.counters.add_line({100, 200}, {100, 100}, -1);
  walk.go({{50, 50}, {150, 50}, {150, 150}, {150, 250}, {50, 250}});
  EXPECT_EQ(walk.counters.counts(line).in + walk.counters.counts(line).out, 0);
  walk.go({{50, 150}, {150, 150}});
  EXPECT_EQ(walk.counters.counts(line).in, 1);
}

TEST(Counters, CountsOnceWhatTremblesOnALine) {
  Walk walk;
  const int line = walk.counters.add_line({100, 200}, {100, 0}, -1);
  walk.go({{80, 100}});
  for (int i = 0; i < 20; ++i) walk.go({{99.2, 100}, {100.8, 100}});
  walk.go({{115, 100}});
  EXPECT_EQ(walk.counters.counts(line).in, 1);
  EXPECT_EQ(walk.counters.counts(line).out, 0);
}

TEST(Counters, CountsWhatJumpsFarOverALine) {
  Walk walk;
  const int line = walk.counters.add_line({100, 200}, {100, 0}, -1);
  walk.go({{0, 100}, {600, 110}});
  EXPECT_EQ(walk.counters.counts(line).in, 1);
}

TEST(Counters, KnowsHowManyAreInAZone) {
  Walk walk;
  // Not convex: the notch between its legs is outside.
  const std::vector<Point> corners = {{0, 0},   {100, 0}, {100, 100}, {60, 100},
                                      {60, 40}, {40, 40}, {40, 100},  {0, 100}};
  const int zone = walk.counters.add_zone(corners, -1);
  walk.go({{50, 80}});
  EXPECT_EQ(walk.counters.counts(zone).inside, 0);
  walk.go({{80, 80}});
  EXPECT_EQ(walk.counters.counts(zone).inside, 1);
  walk.go({{50, 80}, {20, 80}});
  EXPECT_EQ(walk.counters.counts(zone).in, 2);
  EXPECT_EQ(walk.counters.counts(zone).out, 1);
  // It is gone while it is inside.
  walk.counters.remove(walk.state, {.object = 1}, walk.events);
  EXPECT_EQ(walk.counters.counts(zone).out, 2);
  EXPECT_EQ(walk.counters.counts(zone).inside, 0);
  EXPECT_EQ(walk.events.back().kind, EventKind::kOut);
}

TEST(Counters, CountsWhatAppearsInAZone) {
  Walk walk;
  const std::vector<Point> corners = {{0, 0}, {100, 0}, {100, 100}, {0, 100}};
  const int zone = walk.counters.add_zone(corners, -1);
  walk.go({{99.5, 50}});
  EXPECT_EQ(walk.counters.counts(zone).in, 1);
}

TEST(Counters, CountsOneClassOnly) {
  Walk walk;
  const int line = walk.counters.add_line({100, 200}, {100, 0}, 2);
  walk.go({{50, 100}, {150, 100}});
  walk.class_id = 2;
  walk.go({{50, 100}, {150, 100}});
  EXPECT_EQ(walk.counters.counts(line).in, 1);
}

TEST(Counters, RefusesWhatIsNoLineOrZone) {
  Counters counters;
  EXPECT_THROW(counters.add_line({1, 1}, {1, 1}, -1), Error);
  EXPECT_THROW(counters.add_line({1, 1}, {NAN, 1}, -1), Error);
  EXPECT_THROW(counters.add_line({1, 1}, {1e300, 1}, -1), Error);
  EXPECT_THROW(counters.add_zone(std::vector<Point>(2), -1), Error);
  EXPECT_THROW(counters.add_zone(std::vector<Point>(65, Point{1, 2}), -1), Error);
  EXPECT_EQ(counters.count(), 0);
  for (int i = 0; i < kMostCounters; ++i) counters.add_line({0, 0}, {1, i + 1.}, -1);
  EXPECT_THROW(counters.add_line({0, 0}, {1, 1}, -1), Error);
}

}  // namespace
}  // namespace oko::track

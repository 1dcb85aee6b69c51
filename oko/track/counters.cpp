#include "oko/track/counters.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "oko/base/error.h"

namespace oko::track {
namespace {

constexpr double kMargin = .05;    // of the object's size
constexpr double kFarthest = 1e6;  // pixels

double cross(Point a, Point b, Point p) {
  return (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
}

double length(Point a, Point b) { return std::hypot(b.x - a.x, b.y - a.y); }

// From the line through both; positive to the right of who goes from a to b, as y points down.
double distance_to_line(Point a, Point b, Point p) { return cross(a, b, p) / length(a, b); }

double distance_to_segment(Point a, Point b, Point p) {
  const double square = (b.x - a.x) * (b.x - a.x) + (b.y - a.y) * (b.y - a.y);
  if (square == 0) return length(a, p);
  const double along = ((p.x - a.x) * (b.x - a.x) + (p.y - a.y) * (b.y - a.y)) / square;
  const double t = std::clamp(along, 0., 1.);
  return length({a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)}, p);
}

// Whether the way from p to q, which are on different sides of the line, crosses its segment.
bool crosses(Point a, Point b, Point p, Point q) {
  return (cross(p, q, a) > 0) != (cross(p, q, b) > 0);
}

// Even-odd rule.
bool is_inside(std::span<const Point> corners, Point p) {
  bool inside = false;
  for (std::size_t i = 0, j = corners.size() - 1; i < corners.size(); j = i++) {
    const Point a = corners[i], b = corners[j];
    if ((a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x) {
      inside = !inside;
    }
  }
  return inside;
}

double distance_to_border(std::span<const Point> corners, Point p) {
  double nearest = INFINITY;
  for (std::size_t i = 0, j = corners.size() - 1; i < corners.size(); j = i++) {
    nearest = std::min(nearest, distance_to_segment(corners[j], corners[i], p));
  }
  return nearest;
}

}  // namespace

void check_corners(std::size_t count) {
  constexpr std::size_t kMost = 64;
  if (count < 3 || count > kMost) {
    throw Error(
        ErrorCode::kUsage, "tracker",
        "a zone has " + std::to_string(count) + " corners, not 3 to " + std::to_string(kMost));
  }
}

int Counters::add(std::vector<Point> corners, int class_id) {
  if (counters_.size() == kMostCounters) {
    throw Error(ErrorCode::kUsage, "tracker",
                "has " + std::to_string(kMostCounters) + " lines and zones, more are not possible");
  }
  for (const Point& corner : corners) {
    if (!(std::abs(corner.x) <= kFarthest && std::abs(corner.y) <= kFarthest)) {
      throw Error(ErrorCode::kUsage, "tracker",
                  "a coordinate of a line or zone is not a number of at most a million");
    }
  }
  counters_.push_back({std::move(corners), class_id, {}});
  return count() - 1;
}

int Counters::add_line(Point from, Point to, int class_id) {
  if (length(from, to) == 0) {
    throw Error(ErrorCode::kUsage, "tracker", "a line has no length");
  }
  return add({from, to}, class_id);
}

int Counters::add_zone(std::span<const Point> corners, int class_id) {
  check_corners(corners.size());
  return add({corners.begin(), corners.end()}, class_id);
}

void Counters::reset() {
  for (Counter& counter : counters_) counter.counts = {};
}

void Counters::count(Counter& counter, bool in) {
  (in ? counter.counts.in : counter.counts.out) += 1;
  if (!counter.is_line()) counter.counts.inside += in ? 1 : -1;
}

void Counters::move(CounterState& state, Point centre, double size, Event object,
                    std::vector<Event>& events) {
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    Counter& counter = counters_[i];
    if (counter.class_id >= 0 && counter.class_id != object.class_id) continue;
    CounterState::One& one = state.of[i];
    const double side =
        counter.is_line() ? distance_to_line(counter.corners[0], counter.corners[1], centre)
        : is_inside(counter.corners, centre) ? distance_to_border(counter.corners, centre)
                                             : -distance_to_border(counter.corners, centre);
    const bool inside = side > 0;
    // What appears on a border is somewhere, too.
    if (std::abs(side) <= kMargin * size && (one.known || counter.is_line())) continue;
    const bool changed = counter.is_line()
                             ? one.known && one.inside != inside &&
                                   crosses(counter.corners[0], counter.corners[1], one.at, centre)
                             : one.inside != inside;
    one = {true, inside, centre};
    if (!changed) continue;
    count(counter, inside);
    object.kind = inside ? EventKind::kIn : EventKind::kOut;
    object.counter = static_cast<int>(i);
    events.push_back(object);
  }
}

void Counters::remove(const CounterState& state, Event object, std::vector<Event>& events) {
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    if (counters_[i].is_line() || !state.of[i].inside) continue;
    count(counters_[i], false);
    object.kind = EventKind::kOut;
    object.counter = static_cast<int>(i);
    events.push_back(object);
  }
}

}  // namespace oko::track

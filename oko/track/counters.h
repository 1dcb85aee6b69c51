#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "oko/track/event.h"

namespace oko::track {

struct Point {
  double x = 0, y = 0;  // pixels
};

struct Counts {
  std::int64_t in = 0, out = 0;
  int inside = 0;  // of a zone, now: in − out
};

constexpr int kMostCounters = 16;

// What one object has to do with each counter.
struct CounterState {
  struct One {
    bool known = false, inside = false;  // on which side it was last seen clearly
    Point at;                            // and where
  };
  std::array<One, kMostCounters> of{};
};

// Error kUsage unless a zone can have so many corners.
void check_corners(std::size_t count);

// Counts objects that cross lines and that are in zones, by their centres. An object has changed
// sides once it is clearly on the other one, by a twentieth of its size, so that one that stands on
// a line and trembles is not counted again and again.
class Counters {
 public:
  // `class_id`: only objects of this class, −1 all. Errors kUsage: too many counters, a line
  // without length, a zone with too few or too many corners or coordinates that are no numbers.
  // Crossed forwards: from the left to the right of who goes from `from` to `to`.
  int add_line(Point from, Point to, int class_id);
  int add_zone(std::span<const Point> corners, int class_id);
  int count() const { return static_cast<int>(counters_.size()); }
  const Counts& counts(int counter) const {
    return counters_[static_cast<std::size_t>(counter)].counts;
  }
  void reset();  // counts only

  // An object is at `centre`, of `size` pixels. Adds to `events` what happened.
  void move(CounterState& state, Point centre, double size, Event object,
            std::vector<Event>& events);
  // It is gone, from the zones too.
  void remove(const CounterState& state, Event object, std::vector<Event>& events);

 private:
  struct Counter {
    std::vector<Point> corners;  // two: a line
    int class_id = -1;
    Counts counts;
    bool is_line() const { return corners.size() == 2; }
  };
  int add(std::vector<Point> corners, int class_id);
  static void count(Counter& counter, bool in);

  std::vector<Counter> counters_;
};

}  // namespace oko::track

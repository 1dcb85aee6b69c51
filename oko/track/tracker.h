#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "oko/detect/detection.h"
#include "oko/image/geometry.h"
#include "oko/track/assignment.h"
#include "oko/track/counters.h"
#include "oko/track/event.h"
#include "oko/track/motion.h"

namespace oko::track {

struct Options {
  int most_objects = 256;     // followed at a time; what is new has to wait
  float low_score = .1F;      // detections above it continue objects that were just seen
  double lost_seconds = 1.5;  // what was not seen for longer is gone
  int confirm = 2;            // detections in a row until an object is shown
  double smoothing = 1;       // of boxes: how much longer than usual the past counts
};

enum class State { kSeen, kHidden };

struct Object {
  std::uint64_t id = 0;  // from 1; no other object of this tracker ever has it
  int class_id = 0;
  State state = State::kSeen;
  float score = 0;                       // of its last detection
  image::Box box;                        // smoothed; of what is hidden, where it should be by now
  float velocity_x = 0, velocity_y = 0;  // of its centre, pixels a second
  double age = 0;                        // seconds since it was first seen
  double hidden = 0;                     // seconds since it was last seen
};

// What a detector has to find for a tracker: as `thresholds` say, and down to `low_score`.
detect::Thresholds searched(detect::Thresholds thresholds, float low_score);

// Gives detections of successive frames ids that stay with an object, also through a time in which
// it is hidden. Detections are matched to where the objects should be by now (Motion): those that
// are certain first, then the rest of the objects to what the detector was less sure of, as in
// ByteTrack (Zhang et al. 2022). Objects of different classes are never the same. The time between
// frames may vary. One caller at a time; after the first frames nothing is allocated.
class Tracker {
 public:
  explicit Tracker(const Options& options);

  // `detections` of a frame at `seconds`, of any clock, not less than the last frame's (Error
  // kUsage). Those above their threshold (Thresholds::score_of) are objects; those between
  // Options::low_score and it can only continue one. Returns the confirmed objects by id, valid
  // until the next call.
  std::span<const Object> update(std::span<const detect::Detection> detections,
                                 const detect::Thresholds& thresholds, double seconds);
  std::span<const Object> objects() const { return objects_; }
  // What happened in the last update, in the order of ids.
  std::span<const Event> events() const { return events_; }

  Counters& counters() { return counters_; }
  const Counters& counters() const { return counters_; }
  const Options& options() const { return options_; }
  // For another camera: no object is known any more, without events. Ids, times and counts go on,
  // but for what was in zones, which has left them.
  void forget();
  // For another clip: the same, time may begin anew, and counts are 0.
  void reset();

 private:
  struct Track {
    Motion motion;
    std::uint64_t id = 0;  // 0: not confirmed
    int class_id = 0;
    float score = 0;
    double first = 0, last = 0;  // when it was seen
    int detections = 0;          // in a row, until it is confirmed
    bool seen = false;           // in the last update
    bool matched = false;        // in this one
    CounterState counters{};
  };
  enum class Wanted { kConfirmed, kJustSeen, kUnconfirmed };

  void match(Wanted wanted, std::vector<int>& detections, double buffer, float least);
  void take(Track& track, const detect::Detection& detection, double seconds);
  void follow_camera();
  static Event event_of(const Track& track, EventKind kind);
  template <typename Lost>
  void drop(const Lost& is_lost);
  void start(double seconds);
  void finish(double seconds);

  Options options_;
  Counters counters_;
  Assignment assignment_;
  std::span<const detect::Detection> detections_;
  double seconds_ = 0;
  bool started_ = false;
  std::uint64_t last_id_ = 0;
  std::vector<Track> tracks_;
  std::vector<Object> objects_;
  std::vector<Event> events_;
  // Of one update.
  std::vector<int> certain_, unsure_, rows_;
  std::vector<image::Box> found_;  // widened
  std::vector<float> costs_;
  std::vector<double> moves_x_, moves_y_;
};

}  // namespace oko::track

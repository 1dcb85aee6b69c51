// The C API of trackers.
#include "oko/runtime/c_api_track.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

using namespace oko::c_api;
namespace track = oko::track;

static_assert(OKO_SEEN == static_cast<int>(track::State::kSeen));
static_assert(OKO_HIDDEN == static_cast<int>(track::State::kHidden));
static_assert(OKO_APPEARED == static_cast<int>(track::EventKind::kAppeared));
static_assert(OKO_LOST == static_cast<int>(track::EventKind::kHidden));
static_assert(OKO_FOUND == static_cast<int>(track::EventKind::kFound));
static_assert(OKO_GONE == static_cast<int>(track::EventKind::kGone));
static_assert(OKO_IN == static_cast<int>(track::EventKind::kIn));
static_assert(OKO_OUT == static_cast<int>(track::EventKind::kOut));

track::Options oko::c_api::tracker_options(const oko_tracker_options* given, const char* place) {
  const oko_tracker_options o = known(given, place);
  track::Options options;
  if (o.max_objects != 0) options.most_objects = o.max_objects;
  if (o.low_score != 0) options.low_score = o.low_score < 0 ? 0 : o.low_score;
  if (o.lost_seconds != 0) options.lost_seconds = o.lost_seconds;
  if (o.confirm != 0) options.confirm = o.confirm;
  if (o.smoothing != 0) options.smoothing = double{o.smoothing};
  return options;
}

void oko::c_api::give_objects(std::span<const track::Object> from, List& list,
                              const oko_object** objects, std::size_t* count,
                              std::size_t object_size, const char* place) {
  constexpr std::size_t kFirst = 64;
  static_assert(sizeof(oko_object) >= kFirst);
  const auto convert = [](const track::Object& o) {
    return oko_object{o.id,         o.class_id,   static_cast<std::int32_t>(o.state),
                      o.score,      o.box.left,   o.box.top,
                      o.box.right,  o.box.bottom, o.velocity_x,
                      o.velocity_y, o.age,        o.hidden};
  };
  give_list(from, convert, list, objects, count, object_size, kFirst, place, "object");
}

void oko::c_api::give_events(std::span<const track::Event> from, List& list,
                             const oko_event** events, std::size_t* count, std::size_t event_size,
                             const char* place) {
  constexpr std::size_t kFirst = 24;
  static_assert(sizeof(oko_event) >= kFirst);
  const auto convert = [](const track::Event& e) {
    return oko_event{static_cast<std::int32_t>(e.kind), e.class_id, e.object, e.counter, 0};
  };
  give_list(from, convert, list, events, count, event_size, kFirst, place, "event");
}

namespace {

// Another model's classes may be meant, so any number of class scores is right.
constexpr int kAnyClasses = -1;

void take(std::vector<oko::detect::Detection>& to, const oko_detection* from, std::size_t count,
          std::size_t size) {
  to.clear();
  for (std::size_t i = 0; i < count; ++i) {
    oko_detection d{};
    std::memcpy(&d, reinterpret_cast<const std::byte*>(from) + i * size, std::min(size, sizeof d));
    to.push_back({d.class_id, d.score, {d.left, d.top, d.right, d.bottom}});
  }
}

}  // namespace

extern "C" {

oko_status oko_tracker_create(const oko_tracker_options* options, oko_tracker** out) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_tracker_create";
    require(out, kPlace, "out");
    auto made = std::make_unique<oko_tracker>();
    made->tracker = &made->own.emplace(tracker_options(options, kPlace));
    *out = made.release();
  });
}

void oko_tracker_destroy(oko_tracker* tracker) {
  if (tracker != nullptr && tracker->own)
    delete tracker;  // that of a live camera is destroyed with it
}

void oko_tracker_reset(oko_tracker* tracker) {
  if (tracker != nullptr) tracker->tracker->reset();
}

oko_status oko_tracker_detect_sized(oko_tracker* tracker, oko_detector* detector,
                                    const oko_frame* frame, const oko_thresholds* thresholds,
                                    double seconds, const oko_object** objects, size_t* count,
                                    size_t object_size) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_tracker_detect";
    require(tracker, kPlace, "tracker");
    require(detector, kPlace, "detector");
    require(frame, kPlace, "frame");
    const oko::detect::Thresholds wanted =
        thresholds_of(known(thresholds, "oko_thresholds"),
                      detector->detector.network().class_count(), detector->own_scores);
    const oko::detect::Result found = detector->detector.detect_tiled(
        frame_of(known(frame, "oko_frame")),
        track::searched(wanted, tracker->tracker->options().low_score), detector->tiles);
    give_objects(tracker->tracker->update(found.detections, wanted, seconds), tracker->objects,
                 objects, count, object_size, kPlace);
  });
}

oko_status oko_tracker_update_sized(oko_tracker* tracker, const oko_detection* detections,
                                    size_t detection_count, size_t detection_size,
                                    const oko_thresholds* thresholds, double seconds,
                                    const oko_object** objects, size_t* count, size_t object_size) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_tracker_update";
    constexpr std::size_t kMost = 100'000;
    require(tracker, kPlace, "tracker");
    if (detection_count > 0) require(detections, kPlace, "detections");
    if (detection_count > kMost) {
      throw usage(kPlace, std::to_string(detection_count) + " detections are too many",
                  "give at most " + std::to_string(kMost));
    }
    check_size<oko_detection>(detection_size, kFirstDetectionSize, kPlace, "detection");
    take(tracker->given, detections, detection_count, detection_size);
    const auto objects_now = tracker->tracker->update(
        tracker->given, thresholds_of(known(thresholds, "oko_thresholds"), kAnyClasses, {}),
        seconds);
    give_objects(objects_now, tracker->objects, objects, count, object_size, kPlace);
  });
}

oko_status oko_tracker_events_sized(oko_tracker* tracker, const oko_event** events, size_t* count,
                                    size_t event_size) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_tracker_events";
    require(tracker, kPlace, "tracker");
    give_events(tracker->tracker->events(), tracker->events, events, count, event_size, kPlace);
  });
}

oko_status oko_tracker_add_line(oko_tracker* tracker, float x1, float y1, float x2, float y2,
                                int32_t class_id, int32_t* counter) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_tracker_add_line";
    require(tracker, kPlace, "tracker");
    require(counter, kPlace, "counter");
    *counter = tracker->tracker->counters().add_line({x1, y1}, {x2, y2}, class_id);
  });
}

oko_status oko_tracker_add_zone(oko_tracker* tracker, const float* points, size_t corners,
                                int32_t class_id, int32_t* counter) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_tracker_add_zone";
    require(tracker, kPlace, "tracker");
    require(points, kPlace, "points");
    require(counter, kPlace, "counter");
    track::check_corners(corners);
    std::vector<track::Point> polygon;
    for (std::size_t i = 0; i < corners; ++i) polygon.push_back({points[2 * i], points[2 * i + 1]});
    *counter = tracker->tracker->counters().add_zone(polygon, class_id);
  });
}

oko_status oko_tracker_counts(const oko_tracker* tracker, int32_t counter, oko_counts* counts) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_tracker_counts";
    require(tracker, kPlace, "tracker");
    const int known = tracker->tracker->counters().count();
    if (counter < 0 || counter >= known) {
      throw usage(kPlace, "there is no line or zone " + std::to_string(counter) +
                              "; the tracker has " + std::to_string(known));
    }
    const track::Counts& c = tracker->tracker->counters().counts(counter);
    give(oko_counts{0, c.in, c.out, c.inside}, counts, kPlace);
  });
}

}  // extern "C"

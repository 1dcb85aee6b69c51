// Tracking and live cameras for C++20, over oko.h; see oko.hpp for the rest, and docs/live.md.
//
//   Live live = Live::create(std::array{&model}, {.frames_per_second = 15}).value();
//   // the camera's thread:
//   live.submit(frame, seconds).value();
//   // a thread of the app's:
//   while (auto result = live.next()) {
//     if (result->stopped) break;
//     for (const Object& o : live.objects().value()) draw(o.id, o.left, o.top);
//   }
#pragma once

#include <oko/oko.hpp>

namespace oko::phone {

using Object = oko_object;  // state: OKO_SEEN or OKO_HIDDEN
using Event = oko_event;    // kind: OKO_APPEARED, …
using Counts = oko_counts;

// Zero means the default.
struct TrackerOptions {
  std::int32_t max_objects = 0;
  float low_score = 0;
  double lost_seconds = 0;
  std::int32_t confirm = 0;
  float smoothing = 0;
};

namespace detail {

inline oko_tracker_options given(const TrackerOptions& options) {
  auto o = sized<oko_tracker_options>();
  o.max_objects = options.max_objects;
  o.low_score = options.low_score;
  o.lost_seconds = options.lost_seconds;
  o.confirm = options.confirm;
  o.smoothing = options.smoothing;
  return o;
}

inline Result<Done> done(oko_status status) {
  if (status != OKO_OK) return last_error(status);
  return Done{};
}

// What `call(first, count)` gives.
template <typename T, typename Call>
Result<std::span<const T>> listed(const Call& call) {
  const T* first = nullptr;
  std::size_t count = 0;
  if (const oko_status status = call(&first, &count); status != OKO_OK) return last_error(status);
  return std::span(first, count);
}

}  // namespace detail

struct Point {
  float x = 0, y = 0;
};

// Lines, zones and counts of a tracker, which has to outlive it.
class Counters {
 public:
  explicit Counters(oko_tracker* tracker) : tracker_(tracker) {}

  // The number of the line or zone. `class_id` -1: objects of all classes.
  Result<std::int32_t> add_line(Point from, Point to, std::int32_t class_id = -1) {
    std::int32_t counter = -1;
    if (const oko_status status =
            oko_tracker_add_line(tracker_, from.x, from.y, to.x, to.y, class_id, &counter);
        status != OKO_OK) {
      return detail::last_error(status);
    }
    return counter;
  }
  Result<std::int32_t> add_zone(std::span<const Point> corners, std::int32_t class_id = -1) {
    std::vector<float> points;
    for (const Point& corner : corners) points.insert(points.end(), {corner.x, corner.y});
    std::int32_t counter = -1;
    if (const oko_status status =
            oko_tracker_add_zone(tracker_, points.data(), corners.size(), class_id, &counter);
        status != OKO_OK) {
      return detail::last_error(status);
    }
    return counter;
  }
  Result<Counts> counts(std::int32_t counter) const {
    auto counts = detail::sized<Counts>();
    if (const oko_status status = oko_tracker_counts(tracker_, counter, &counts);
        status != OKO_OK) {
      return detail::last_error(status);
    }
    return counts;
  }

 private:
  oko_tracker* tracker_;
};

class Tracker {
 public:
  static Result<Tracker> create(const TrackerOptions& options = {}) {
    const oko_tracker_options o = detail::given(options);
    oko_tracker* tracker = nullptr;
    if (const oko_status status = oko_tracker_create(&o, &tracker); status != OKO_OK) {
      return detail::last_error(status);
    }
    return Tracker(tracker);
  }

  // All that return objects: valid until this tracker's next call.
  Result<std::span<const Object>> detect(Detector& detector, const Frame& frame, double seconds,
                                         const Thresholds& thresholds = {}) & {
    const oko_thresholds t = detail::given(thresholds);
    return detail::listed<Object>([&](const Object** first, std::size_t* count) {
      return oko_tracker_detect(get(), detector.get(), &frame.get(), &t, seconds, first, count);
    });
  }
  Result<std::span<const Object>> update(std::span<const Detection> detections, double seconds,
                                         const Thresholds& thresholds = {}) & {
    const oko_thresholds t = detail::given(thresholds);
    return detail::listed<Object>([&](const Object** first, std::size_t* count) {
      return oko_tracker_update(get(), detections.data(), detections.size(), &t, seconds, first,
                                count);
    });
  }
  Result<std::span<const Event>> events() & {
    return detail::listed<Event>([&](const Event** first, std::size_t* count) {
      return oko_tracker_events(get(), first, count);
    });
  }
  Counters counters() & { return Counters(get()); }
  void reset() { oko_tracker_reset(get()); }
  oko_tracker* get() { return handle_.get(); }

 private:
  struct Destroy {
    void operator()(oko_tracker* tracker) const { oko_tracker_destroy(tracker); }
  };
  explicit Tracker(oko_tracker* tracker) : handle_(tracker) {}
  std::unique_ptr<oko_tracker, Destroy> handle_;
};

enum class Heat : std::int32_t {
  kNominal = OKO_HEAT_NOMINAL,
  kFair = OKO_HEAT_FAIR,
  kSerious = OKO_HEAT_SERIOUS,
  kCritical = OKO_HEAT_CRITICAL
};

enum class Taken : std::int32_t {
  kTaken = OKO_TAKEN,
  kTakenNewer = OKO_TAKEN_NEWER,
  kSkippedRate = OKO_SKIPPED_RATE,
  kSkippedHeat = OKO_SKIPPED_HEAT,
  kSkippedStop = OKO_SKIPPED_STOP
};

struct LiveOptions {
  std::int32_t threads = 1;
  Priority priority = Priority::kInherit;
  double budget_ms = 0, frames_per_second = 0;
  Thresholds thresholds{};
  std::optional<TrackerOptions> tracker = TrackerOptions{};  // nullopt: detections only
  // `warning`: the app should do something. Must not throw.
  std::function<void(bool warning, std::string_view text)> log{};
};

using LiveResult = oko_live_result;
using LiveStatus = oko_live_status;

// See oko.h for which thread may call what.
class Live {
 public:
  // The same model opened at one or more input sizes, the largest first.
  static Result<Live> create(std::span<const Model* const> models,
                             const LiveOptions& options = {}) {
    const oko_thresholds thresholds = detail::given(options.thresholds);
    const oko_tracker_options tracker = detail::given(options.tracker.value_or(TrackerOptions{}));
    auto log = std::make_unique<Log>(options.log);
    auto o = detail::sized<oko_live_options>();
    o.threads = options.threads;
    o.priority = static_cast<std::int32_t>(options.priority);
    o.budget_ms = options.budget_ms;
    o.frames_per_second = options.frames_per_second;
    o.thresholds = &thresholds;
    o.tracker = &tracker;
    o.no_tracking = options.tracker ? 0 : 1;
    if (options.log) {
      o.log = [](void* context, std::int32_t level, const char* text) {
        (*static_cast<Log*>(context))(level != OKO_LOG_INFO, text);
      };
      o.log_context = log.get();
    }
    const std::vector<const oko_model*> handles = handles_of(models);
    oko_live* live = nullptr;
    if (const oko_status status = oko_live_create(handles.data(), handles.size(), &o, &live);
        status != OKO_OK) {
      return detail::last_error(status);
    }
    return Live(live, std::move(log));
  }

  Result<Taken> submit(const Frame& frame, double seconds) {
    std::int32_t taken = 0;
    if (const oko_status status = oko_live_submit(get(), &frame.get(), seconds, &taken);
        status != OKO_OK) {
      return detail::last_error(status);
    }
    return static_cast<Taken>(taken);
  }
  // `wait_ms` below 0: as long as it takes.
  Result<LiveResult> next(double wait_ms = -1) {
    auto result = detail::sized<LiveResult>();
    if (const oko_status status = oko_live_next(get(), wait_ms, &result); status != OKO_OK) {
      return detail::last_error(status);
    }
    return result;
  }
  // Of the last next(), valid until the following one.
  Result<std::span<const Detection>> detections() & {
    return detail::listed<Detection>([&](const Detection** first, std::size_t* count) {
      return oko_live_detections(get(), first, count);
    });
  }
  Result<std::span<const Object>> objects() & {
    return detail::listed<Object>([&](const Object** first, std::size_t* count) {
      return oko_live_objects(get(), first, count);
    });
  }
  Result<std::span<const Event>> events() & {
    return detail::listed<Event>([&](const Event** first, std::size_t* count) {
      return oko_live_events(get(), first, count);
    });
  }
  // Nothing without tracking.
  std::optional<Counters> counters() & {
    oko_tracker* tracker = oko_live_tracker(get());
    return tracker == nullptr ? std::nullopt : std::optional(Counters(tracker));
  }

  void stop() { oko_live_stop(get()); }
  Result<Done> set_heat(Heat heat) {
    return detail::done(oko_live_set_heat(get(), static_cast<std::int32_t>(heat)));
  }
  Result<Done> set_thresholds(const Thresholds& thresholds) {
    const oko_thresholds t = detail::given(thresholds);
    return detail::done(oko_live_set_thresholds(get(), &t));
  }
  Result<Done> trim() { return detail::done(oko_live_trim(get())); }
  Result<Done> swap(std::span<const Model* const> models) {
    const std::vector<const oko_model*> handles = handles_of(models);
    return detail::done(oko_live_swap(get(), handles.data(), handles.size()));
  }
  Result<Done> revert() { return detail::done(oko_live_revert(get())); }
  LiveStatus status() {
    auto status = detail::sized<LiveStatus>();
    oko_live_get_status(get(), &status);
    return status;
  }
  oko_live* get() { return handle_.get(); }

 private:
  using Log = std::function<void(bool, std::string_view)>;
  struct Destroy {
    void operator()(oko_live* live) const { oko_live_destroy(live); }
  };
  Live(oko_live* live, std::unique_ptr<Log> log) : log_(std::move(log)), handle_(live) {}
  static std::vector<const oko_model*> handles_of(std::span<const Model* const> models) {
    std::vector<const oko_model*> handles;
    for (const Model* model : models) handles.push_back(model->get());
    return handles;
  }

  std::unique_ptr<Log> log_;  // outlives the handle, which calls it
  std::unique_ptr<oko_live, Destroy> handle_;
};

}  // namespace oko::phone

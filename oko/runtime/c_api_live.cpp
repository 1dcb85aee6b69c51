// The C API of live cameras.
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "oko/base/locked.h"
#include "oko/runtime/c_api_track.h"
#include "oko/runtime/live.h"

using namespace oko::c_api;
using oko::runtime::Live;

static_assert(OKO_TAKEN_NEWER == static_cast<int>(Live::Taken::kTakenNewer));
static_assert(OKO_SKIPPED_STOP == static_cast<int>(Live::Taken::kSkippedStop));
static_assert(OKO_HEAT_CRITICAL == static_cast<int>(oko::runtime::Heat::kCritical));
static_assert(OKO_PRIORITY_BACKGROUND == static_cast<int>(oko::runtime::Priority::kBackground));

struct oko_live {
  oko_live(Live::Models models, const std::vector<float>& own_scores, Live::Wanted wanted,
           Live::Options options)
      : live(std::move(models), own_scores, std::move(wanted), std::move(options)) {
    tracker.tracker = live.tracker();
  }
  Live live;
  oko_tracker tracker;
  List detections;
};

namespace {

Live::Models models_of(const oko_model* const* models, std::size_t count, const char* place) {
  constexpr std::size_t kMost = 16;
  require(models, place, "models");
  if (count < 1 || count > kMost) {
    throw usage(place, std::to_string(count) + " models, not 1 to " + std::to_string(kMost));
  }
  Live::Models all;
  for (std::size_t i = 0; i < count; ++i) {
    require(models[i], place, "a model");
    require_runnable(*models[i], place);
    all.push_back(models[i]->model);
  }
  return all;
}

// `given` may be null.
Live::Wanted wanted_of(const oko_thresholds* given, int class_count) {
  const oko_thresholds t = known(given, "oko_thresholds");
  return {thresholds_of(t, class_count, {}), t.class_scores == nullptr && t.score == 0};
}

double not_negative(double value, const char* place, const char* name) {
  if (value >= 0 && value < std::numeric_limits<double>::infinity()) return value;
  throw usage(place, std::string(name) + " is negative or not a number");
}

Live::Options options_of(const oko_live_options& o, const char* place) {
  Live::Options options;
  options.threads = threads_of(o.threads, place);
  options.priority = priority_of(o.priority, place);
  options.governor.budget = not_negative(o.budget_ms, place, "budget_ms") / 1e3;
  options.governor.frames_per_second =
      not_negative(o.frames_per_second, place, "frames_per_second");
  if (o.no_tracking == 0) options.tracker = tracker_options(o.tracker, "oko_tracker_options");
  if (o.log != nullptr) {
    options.log = [log = o.log, context = o.log_context](bool warning, const std::string& text) {
      log(context, warning ? OKO_LOG_WARNING : OKO_LOG_INFO, text.c_str());
    };
  }
  return options;
}

}  // namespace

extern "C" {

oko_status oko_live_create(const oko_model* const* models, size_t model_count,
                           const oko_live_options* options, oko_live** out) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_live_create";
    require(out, kPlace, "out");
    Live::Models all = models_of(models, model_count, kPlace);
    const oko_live_options o = known(options, kPlace);
    Live::Wanted wanted = wanted_of(o.thresholds, all.front()->network().class_count());
    *out = new oko_live(std::move(all), models[0]->about.thresholds, std::move(wanted),
                        options_of(o, kPlace));
  });
}

// The stack may keep what kernels spilled: values of a sealed model, perhaps.
void oko_live_destroy(oko_live* live) {
  delete live;
  oko::wipe_stack();
}

oko_status oko_live_submit(oko_live* live, const oko_frame* frame, double seconds, int32_t* taken) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_live_submit";
    require(live, kPlace, "live");
    require(frame, kPlace, "frame");
    const Live::Taken answer = live->live.submit(frame_of(known(frame, "oko_frame")), seconds);
    if (taken != nullptr) *taken = static_cast<std::int32_t>(answer);
  });
}

oko_status oko_live_next(oko_live* live, double wait_ms, oko_live_result* result) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_live_next";
    constexpr double kMs = 1e3;
    require(live, kPlace, "live");
    give(oko_live_result{}, result, kPlace);  // before a frame is taken
    const Live::Found found = live->live.next(wait_ms / kMs);
    oko_live_result all{};
    all.stopped = found.stopped ? 1 : 0;
    all.found = found.found ? 1 : 0;
    all.seconds = found.seconds;
    all.frame_width = found.frame.width;
    all.frame_height = found.frame.height;
    all.width = found.input.width;
    all.height = found.input.height;
    all.model = found.model;
    all.swaps = found.swaps;
    all.wait_ms = found.waited * kMs;
    all.prepare_ms = found.timing.prepare * kMs;
    all.network_ms = found.timing.network * kMs;
    all.decode_ms = found.timing.decode * kMs;
    all.detection_count = live->live.detections().size();
    all.object_count = live->live.objects().size();
    all.event_count = live->live.events().size();
    give(all, result, kPlace);
  });
}

oko_status oko_live_detections_sized(oko_live* live, const oko_detection** detections,
                                     size_t* count, size_t detection_size) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_live_detections";
    require(live, kPlace, "live");
    give_list(live->live.detections(), detection_of, live->detections, detections, count,
              detection_size, kFirstDetectionSize, kPlace, "detection");
  });
}

oko_status oko_live_objects_sized(oko_live* live, const oko_object** objects, size_t* count,
                                  size_t object_size) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_live_objects";
    require(live, kPlace, "live");
    give_objects(live->live.objects(), live->tracker.objects, objects, count, object_size, kPlace);
  });
}

oko_status oko_live_events_sized(oko_live* live, const oko_event** events, size_t* count,
                                 size_t event_size) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_live_events";
    require(live, kPlace, "live");
    give_events(live->live.events(), live->tracker.events, events, count, event_size, kPlace);
  });
}

oko_tracker* oko_live_tracker(oko_live* live) {
  return live != nullptr && live->tracker.tracker != nullptr ? &live->tracker : nullptr;
}

void oko_live_stop(oko_live* live) {
  if (live != nullptr) live->live.stop();
}

oko_status oko_live_set_heat(oko_live* live, int32_t heat) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_live_set_heat";
    require(live, kPlace, "live");
    if (heat < OKO_HEAT_NOMINAL || heat > OKO_HEAT_CRITICAL) {
      throw usage(kPlace, "heat " + std::to_string(heat) + " is not an oko_heat");
    }
    live->live.set_heat(static_cast<oko::runtime::Heat>(heat));
  });
}

oko_status oko_live_set_thresholds(oko_live* live, const oko_thresholds* thresholds) {
  return guarded([&] {
    require(live, "oko_live_set_thresholds", "live");
    live->live.set_thresholds(wanted_of(thresholds, live->live.class_count()));
  });
}

oko_status oko_live_trim(oko_live* live) {
  return guarded([&] {
    require(live, "oko_live_trim", "live");
    live->live.trim();
    oko::wipe_stack();
  });
}

oko_status oko_live_swap(oko_live* live, const oko_model* const* models, size_t model_count) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_live_swap";
    require(live, kPlace, "live");
    Live::Models all = models_of(models, model_count, kPlace);
    live->live.swap(std::move(all), models[0]->about.thresholds);
    oko::wipe_stack();
  });
}

oko_status oko_live_revert(oko_live* live) {
  return guarded([&] {
    require(live, "oko_live_revert", "live");
    if (live->live.revert()) return;
    throw oko::Error(oko::ErrorCode::kFailed, "oko_live_revert",
                     "there are no models to go back to",
                     "they are kept from oko_live_swap() to the next one or to oko_live_trim()");
  });
}

oko_status oko_live_get_status(oko_live* live, oko_live_status* status) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_live_get_status";
    require(live, kPlace, "live");
    const Live::Status s = live->live.status();
    oko_live_status all{};
    all.taken = s.taken;
    all.replaced = s.replaced;
    all.skipped_rate = s.skipped_rate;
    all.skipped_heat = s.skipped_heat;
    all.looked_at = s.looked_at;
    all.model = s.model;
    all.heat = static_cast<std::int32_t>(s.heat);
    all.frame_ms = s.frame_seconds * 1e3;
    all.frames_per_second = s.frames_per_second;
    all.over_budget = s.over_budget ? 1 : 0;
    give(all, status, kPlace);
  });
}

}  // extern "C"

#pragma once

#include <optional>

#include "oko/runtime/c_api.h"
#include "oko/track/tracker.h"

// What the C API's trackers and live cameras share.

struct oko_tracker {
  // The tracker is its own, or that of an oko_live.
  std::optional<oko::track::Tracker> own;
  oko::track::Tracker* tracker = nullptr;
  std::vector<oko::detect::Detection> given;
  oko::c_api::List objects, events;
};

namespace oko::c_api {

// `given` may be null.
track::Options tracker_options(const oko_tracker_options* given, const char* place);
void give_objects(std::span<const track::Object> from, List& list, const oko_object** objects,
                  std::size_t* count, std::size_t object_size, const char* place);
void give_events(std::span<const track::Event> from, List& list, const oko_event** events,
                 std::size_t* count, std::size_t event_size, const char* place);

}  // namespace oko::c_api

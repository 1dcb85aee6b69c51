#pragma once

#include <cstdint>

namespace oko::track {

enum class EventKind {
  kAppeared,  // a new object is confirmed
  kHidden,    // it was not found
  kFound,     // it was found again
  kGone,      // it was hidden for too long
  kIn,        // it crossed a line forwards, or came into a zone
  kOut,       // it crossed a line backwards, or left a zone
};

struct Event {
  EventKind kind = EventKind::kAppeared;
  std::uint64_t object = 0;
  int class_id = 0;
  int counter = -1;  // of kIn and kOut
};

}  // namespace oko::track

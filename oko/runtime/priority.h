#pragma once

namespace oko::runtime {

// How important threads are to the system, where it can be told: a class of service on Apple's
// systems, a nice value on Android and Linux. kInherit: as the system gives it to a new thread.
enum class Priority { kInherit, kInteractive, kUtility, kBackground };

// Of the thread that calls. A hint: what the system does not allow stays as it was.
void set_priority(Priority priority);

}  // namespace oko::runtime

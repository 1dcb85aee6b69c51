#pragma once

namespace oko::cli {

// While one lives, the first SIGINT or SIGTERM is only noted, so that work in progress can be
// brought to a good end; a second one ends the process as usual. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  bool interrupted() const;
  // Forgets the signal and waits for another.
  void rearm();
};

}  // namespace oko::cli

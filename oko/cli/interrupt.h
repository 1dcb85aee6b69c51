#pragma once

namespace oko::cli {

// While one exists, the first SIGINT or SIGTERM is only recorded, so that work in progress can end
// cleanly; a second one ends the process as usual, except in a job (OKO_JOB is set). At most one at
// a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  bool interrupted() const;
  // Clears the recorded signal.
  void rearm();
};

}  // namespace oko::cli

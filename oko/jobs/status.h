#pragma once

#include <optional>
#include <string>

#include "oko/base/words.h"
#include "oko/jobs/registry.h"
#include "oko/jobs/state.h"

namespace oko::jobs {

// What a user sees of a job, from its folder and its engine together.
// kEnding: it has failed, was cancelled or stopped, but its engine still runs some of it.
enum class Standing {
  kQueued,
  kStarting,
  kRunning,
  kPreempted,
  kSucceeded,
  kFailed,
  kCancelled,
  kStopped,
  kLost,
  kUnknown,
  kEnding
};
constexpr auto words_of(Standing) {
  return std::to_array<std::string_view>({"queued", "starting", "running", "preempted", "succeeded",
                                          "failed", "cancelled", "stopped", "lost", "unknown",
                                          "ending"});
}

struct Status {
  Standing standing = Standing::kUnknown;
  std::string why;   // one sentence; may be empty
  std::string hint;  // what to do; may be empty
  std::optional<State> state;
  double seconds = 0;  // of running so far
  double cost = 0;     // USD so far, 0 if the price is unknown
  // From the run's log, if there is one.
  int epoch = 0, epochs = 0;  // finished, of
  double loss = 0, map50 = 0;
  bool has_loss = false, has_map = false;
  bool engine_runs = false;  // a machine, though the job has ended
  bool over() const;         // nothing more will happen by itself
  bool charged() const;      // a machine may still cost money
};

// Success is the marker in the folder, never an exit code or the engine's word. A job that its
// folder says is running, but that has stopped beating, is lost unless its engine says otherwise.
// Nor has a job ended that its engine still runs or will start again, whatever its folder says.
Status status_of(const Job& job, double now);

}  // namespace oko::jobs

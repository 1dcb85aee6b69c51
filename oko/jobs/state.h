#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "oko/base/json.h"
#include "oko/base/words.h"

namespace oko::jobs {

// What worker 0 reports of the job: state.json in its folder, replaced at every change and every
// kHeartbeatSeconds while it runs.
// kStopped: it reached --max-time or --max-cost.
enum class Phase { kRunning, kPreempted, kSucceeded, kFailed, kCancelled, kStopped };
constexpr auto words_of(Phase) {
  return std::to_array<std::string_view>(
      {"running", "preempted", "succeeded", "failed", "cancelled", "stopped"});
}

inline constexpr double kHeartbeatSeconds = 15;
// A job that has not written for this long has stopped beating.
inline constexpr double kLostSeconds = 120;

struct State {
  Phase phase = Phase::kRunning;
  int attempt = 1;           // starts of the worker code, by the engine or `oko job retry`
  int restarts = 0;          // of the training within this attempt
  int workers = 1;           // that train together now
  double time = 0;           // when this was written, seconds since 1970
  double ran = 0;            // seconds of running in all attempts until then, which cost money
  std::string host;          // of worker 0
  std::int64_t process = 0;  // of its supervisor
  std::string reason;        // why it failed, was cancelled or is preempted
  std::string last_lines;    // of the log, if it failed
  int code = 0;              // exit code of the training, if it ended

  // Seconds of running in all attempts, as of `now` by a clock that agrees with the worker's. What
  // the worker has counted itself, up to its last sign of life, depends on no clock.
  double seconds(double now) const;
};

double wall_time();  // now, as in State::time

Json to_json(const State& state);
State state_from_json(const Json& json, const std::string& name);

}  // namespace oko::jobs

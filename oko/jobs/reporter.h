#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "oko/base/clock.h"
#include "oko/jobs/folder.h"
#include "oko/jobs/state.h"

namespace oko::jobs {

// Why someone wants the job to end, as they put it; nothing if nobody does.
std::optional<std::string> cancellation(Folder& folder);

// Writes a worker's log and state to the job's folder on a thread of its own, so that a slow or
// broken network never delays a signal. What could not be written is kept, reported on standard
// error once, and tried again.
class Reporter {
 public:
  // `writes_state`: of worker 0. The log is written every `log_seconds`, the state at every change
  // and every `heartbeat_seconds`.
  // `created`: Spec::created of the job, which tells it from a later one in the same folder.
  Reporter(const std::string& folder, std::int64_t created, int worker, bool writes_state,
           double log_seconds, double heartbeat_seconds);
  ~Reporter();

  void log(std::string_view text);
  void set(const State& state);
  // Someone asked for the job to end: why, as they put it.
  std::optional<std::string> cancelled();
  // Someone removed the job's folder, or put another job there: nothing is written there any more.
  bool removed();
  // Writes everything that is left, if the folder is still there, and ends the thread. False, and
  // neither state nor marker is written, if a later attempt has taken the job over. Throws the
  // error of the state or the marker.
  bool finish(const State& state, const std::optional<std::string>& done_marker);

 private:
  void work();
  void write_log(std::unique_lock<std::mutex>& lock);
  void write_state(std::unique_lock<std::mutex>& lock);
  // A retry may have been started while this machine was cut off: its state must stay.
  bool is_replaced(int attempt);
  void look_for_cancel();
  void look_for_removal();
  bool is_of_another(const std::string& text) const;
  void complain(const std::exception& error);

  const std::unique_ptr<Folder> folder_;
  const std::string log_uri_;
  const std::int64_t created_;
  const bool writes_state_;
  const double log_seconds_, heartbeat_seconds_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string pending_;  // of the log
  State state_;
  Clock::time_point state_set_;  // when state_.ran was true
  bool has_state_ = false, state_changed_ = false, ending_ = false;
  std::optional<std::string> cancelled_;
  std::optional<Clock::time_point> missing_since_;  // job.json
  bool removed_ = false, complained_ = false;
  std::thread thread_;
};

}  // namespace oko::jobs

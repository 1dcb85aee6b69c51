#include "oko/jobs/reporter.h"

#include <fmt/format.h>

#include <chrono>
#include <iostream>

#include "oko/base/error.h"
#include "oko/base/text.h"
#include "oko/storage/store.h"

namespace oko::jobs {
namespace {

// Of a log that cannot be written for a while: then its oldest lines are dropped.
constexpr std::size_t kMostPending = std::size_t{8} << 20;
// A network disk may hide a file for a moment.
constexpr double kRemovedSeconds = 1;

std::string text_of(State state) {
  state.time = wall_time();
  return json_file(to_json(state));
}

}  // namespace

std::optional<std::string> cancellation(Folder& folder) {
  const auto text = folder.read(kCancelFile);
  if (!text) return std::nullopt;
  const std::string name(kCancelFile), otherwise = "cancelled";
  try {
    return json_get_or<std::string>(parse_json(*text, name), "why", otherwise, name);
  } catch (const Error&) {  // that it is there counts
    return otherwise;
  }
}

Reporter::Reporter(const std::string& folder, std::int64_t created, int worker, bool writes_state,
                   double log_seconds, double heartbeat_seconds)
    : folder_(open_folder(folder)),
      log_uri_(storage::join(folder, log_name(worker))),
      created_(created),
      writes_state_(writes_state),
      log_seconds_(log_seconds),
      heartbeat_seconds_(heartbeat_seconds),
      thread_([this] { work(); }) {}

Reporter::~Reporter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Reporter::log(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (removed_) return;
  pending_ += text;
  if (pending_.size() <= kMostPending) return;
  const std::size_t half = pending_.find('\n', kMostPending / 2);
  pending_.erase(0, half == std::string::npos ? pending_.size() : half + 1);
  pending_.insert(0, "… lines are missing here: the job's folder could not be reached …\n");
}

void Reporter::set(const State& state) {
  {
    const std::lock_guard lock(mutex_);
    state_ = state;
    state_set_ = Clock::now();
    has_state_ = state_changed_ = true;
  }
  changed_.notify_all();
}

std::optional<std::string> Reporter::cancelled() {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

bool Reporter::removed() {
  const std::lock_guard lock(mutex_);
  return removed_;
}

void Reporter::work() {
  std::unique_lock lock(mutex_);
  auto last_beat = Clock::now();
  while (!ending_) {
    changed_.wait_for(lock, std::chrono::duration<double>(log_seconds_),
                      [this] { return ending_ || state_changed_; });
    if (ending_) break;
    lock.unlock();
    look_for_removal();
    lock.lock();
    if (removed_) break;
    if (missing_since_) {  // writing would bring the folder back
      changed_.wait_for(lock, std::chrono::milliseconds(200), [this] { return ending_; });
      continue;
    }
    write_log(lock);
    if (state_changed_ || seconds_since(last_beat) >= heartbeat_seconds_) {
      last_beat = Clock::now();
      write_state(lock);
    }
    const bool is_cancelled = cancelled_.has_value();
    lock.unlock();
    if (!is_cancelled) look_for_cancel();
    lock.lock();
  }
}

void Reporter::write_log(std::unique_lock<std::mutex>& lock) {
  if (pending_.empty()) return;
  std::string text;
  text.swap(pending_);
  lock.unlock();
  bool written = false;
  try {
    storage::append(log_uri_, text);
    written = true;
  } catch (const std::exception& error) {
    complain(error);
  }
  lock.lock();
  if (written) {
    complained_ = false;
  } else {
    pending_.insert(0, text);
  }
}

void Reporter::write_state(std::unique_lock<std::mutex>& lock) {
  if (!writes_state_ || !has_state_) {
    state_changed_ = false;
    return;
  }
  State now = state_;
  now.ran += seconds_since(state_set_);
  const std::string text = text_of(now);
  const int attempt = state_.attempt;
  state_changed_ = false;
  lock.unlock();
  try {
    if (!is_replaced(attempt)) folder_->write(kStateFile, text);
  } catch (const std::exception& error) {
    complain(error);
  }
  lock.lock();
}

bool Reporter::is_replaced(int attempt) {
  const auto text = folder_->read(kStateFile);
  if (!text) return false;
  try {
    return state_from_json(parse_json(*text, "state.json"), "state.json").attempt > attempt;
  } catch (const Error&) {  // a broken one is replaced
    return false;
  }
}

void Reporter::look_for_cancel() {
  try {
    const auto why = cancellation(*folder_);
    if (!why) return;
    const std::lock_guard lock(mutex_);
    cancelled_ = why;
  } catch (const std::exception& error) {
    complain(error);
  }
}

// Whether this job.json is that of a later job.
bool Reporter::is_of_another(const std::string& text) const {
  const std::string name(kSpecFile);
  try {
    return json_get<std::int64_t>(parse_json(text, name), "created", name) != created_;
  } catch (const Error&) {  // a broken one says nothing
    return false;
  }
}

void Reporter::look_for_removal() {
  try {
    const auto text = folder_->read(kSpecFile);
    const bool is_other = text && is_of_another(*text);
    const std::lock_guard lock(mutex_);
    if (is_other) {
      removed_ = true;
    } else if (text) {
      missing_since_.reset();
    } else if (!missing_since_) {
      missing_since_ = Clock::now();
    } else {
      removed_ = seconds_since(*missing_since_) >= kRemovedSeconds;
    }
  } catch (const std::exception& error) {
    complain(error);
  }
}

void Reporter::complain(const std::exception& error) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(complained_, true)) return;
  }
  std::cerr << "oko job: " << printable(error.what()) << "; will try again\n" << std::flush;
}

bool Reporter::finish(const State& state, const std::optional<std::string>& done_marker) {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (removed_ || missing_since_) return true;
  try {
    if (!pending_.empty()) storage::append(log_uri_, pending_);
  } catch (const std::exception& error) {  // a log does not decide whether a job has succeeded
    complain(error);
  }
  pending_.clear();
  if (!writes_state_) return true;
  if (is_replaced(state.attempt)) return false;
  // The marker first: a job that is marked has succeeded whatever its state says.
  if (done_marker) folder_->write(kDoneFile, *done_marker);
  folder_->write(kStateFile, text_of(state));
  return true;
}

}  // namespace oko::jobs

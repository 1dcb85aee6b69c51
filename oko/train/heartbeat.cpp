#include "oko/train/heartbeat.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "oko/base/clock.h"
#include "oko/base/json.h"
#include "oko/train/workers.h"

namespace oko::train {
namespace {

constexpr const char *kFailure = "failure", *kSeen = "seen";
constexpr std::chrono::seconds kTimeToPost{3}, kTimeToPostLoss{1};  // a lost worker never sees it
constexpr std::size_t kMostText = 4096;                             // of another worker's error

std::string beats_of(int rank) { return "beats/" + std::to_string(rank); }

std::string text_of(const Error& e, int rank) {
  return Json{{"rank", rank},
              {"code", static_cast<int>(e.code())},
              {"place", e.place().substr(0, kMostText)},
              {"message", e.message().substr(0, kMostText)},
              {"hint", e.hint().substr(0, kMostText)}}
      .dump(-1, ' ', true, Json::error_handler_t::replace);
}

// As the other workers show it: with its name, and with a code that the command line has.
Error error_from(const std::string& text, const Round& round) {
  const std::string place = "another worker";
  const Json json = parse_json(text.substr(0, 16 * kMostText), place);
  const int rank = json_get<int>(json, "rank", place);
  const int code = json_get<int>(json, "code", place);
  const bool known = (code >= 1 && code <= static_cast<int>(ErrorCode::kWorkerLost)) ||
                     code == static_cast<int>(ErrorCode::kInterrupted);
  const Error error(known ? static_cast<ErrorCode>(code) : ErrorCode::kWorkerLost,
                    json_get<std::string>(json, "place", place),
                    json_get<std::string>(json, "message", place),
                    json_get<std::string>(json, "hint", place));
  // A lost worker is the place already.
  if (error.code() == ErrorCode::kWorkerLost) return error;
  return error.within(fmt::format("worker {} of {}", rank, round.size));
}

Error silent(int rank, const Round& round, std::chrono::milliseconds time) {
  return {ErrorCode::kWorkerLost, fmt::format("worker {} of {}", rank, round.size),
          fmt::format("has not answered for {} s", time.count() / 1000),
          "see its log: its machine or the network failed"};
}

}  // namespace

struct Heartbeat::State {
  struct Watched {
    int rank;
    std::int64_t beats = -1;
    Clock::time_point heard;
  };

  State(std::unique_ptr<KeyStore> store_, Round round_, Times times_)
      : store(std::move(store_)), round(std::move(round_)), times(times_), answered(Clock::now()) {
    for (int rank = 0; rank < round.size; ++rank) {
      const bool watches = round.rank == 0 ? rank != 0 : rank == 0;
      if (watches) watched.push_back({rank, -1, Clock::now()});
    }
  }

  // The thread.
  void work() {
    try {
      std::unique_lock lock(mutex);
      while (!closing) {
        lock.unlock();
        beat();
        lock.lock();
        answered = Clock::now();
        changed.notify_all();
        changed.wait_for(lock, times.between, [&] { return closing || (own && !is_posted); });
      }
    } catch (const std::exception&) {
      std::lock_guard lock(mutex);
      if (!trouble) {
        trouble = Error(ErrorCode::kWorkerLost, fmt::format("worker 0 of {}", round.size),
                        "has closed the connection", "see its log");
      }
    }
    std::lock_guard lock(mutex);
    ended = true;
    changed.notify_all();
  }

  void beat() {
    store->add(beats_of(round.rank), 1);
    std::vector<int> now_quiet;
    for (Watched& other : watched) {
      const std::int64_t beats = store->add(beats_of(other.rank), 0);
      if (std::exchange(other.beats, beats) != beats) other.heard = Clock::now();
      if (Clock::now() - other.heard > times.silent) {
        set(text_of(silent(other.rank, round, times.silent), other.rank));
      }
      if (Clock::now() - other.heard > 3 * times.between) now_quiet.push_back(other.rank);
    }
    {
      std::lock_guard lock(mutex);
      quiet = std::move(now_quiet);
    }
    post_own();
    read_failure();
  }

  void set(const std::string& text) {
    if (!store->has(kFailure)) store->set(kFailure, text);  // the first one is the cause
  }

  void post_own() {
    std::optional<Error> error;
    {
      std::lock_guard lock(mutex);
      if (is_posted) return;
      error = own;
    }
    if (!error) return;
    set(text_of(*error, round.rank));
    std::lock_guard lock(mutex);
    is_posted = true;
  }

  void read_failure() {
    if (!has_seen && store->has(kFailure)) {
      Error error = error_from(store->get(kFailure), round);
      has_seen = true;
      store->add(kSeen, 1);
      std::lock_guard lock(mutex);
      trouble = std::move(error);
    }
    if (!has_seen) return;
    const bool all = store->add(kSeen, 0) >= round.size;
    std::lock_guard lock(mutex);
    all_have_seen = all;
  }

  const std::unique_ptr<KeyStore> store;
  const Round round;
  const Times times;
  std::vector<Watched> watched;  // the thread's, like has_seen
  bool has_seen = false;

  std::mutex mutex;
  std::condition_variable changed;
  bool closing = false, ended = false;
  Clock::time_point answered;  // when the last beat was done
  std::vector<int> quiet;
  std::optional<Error> trouble, own;
  bool is_posted = false, all_have_seen = false;
};

Heartbeat::Heartbeat(std::unique_ptr<KeyStore> store, const Round& round, Times times)
    : state_(std::make_shared<State>(std::move(store), round, times)),
      thread_([state = state_] { state->work(); }) {}

Heartbeat::~Heartbeat() {
  std::unique_lock lock(state_->mutex);
  state_->closing = true;
  state_->changed.notify_all();
  const bool ended =
      state_->changed.wait_for(lock, std::chrono::seconds(1), [&] { return state_->ended; });
  lock.unlock();
  ended ? thread_.join() : thread_.detach();
}

std::optional<Error> Heartbeat::trouble() const {
  std::lock_guard lock(state_->mutex);
  if (state_->trouble) return state_->trouble;
  if (Clock::now() - state_->answered < state_->times.silent) return std::nullopt;
  return silent(0, state_->round, state_->times.silent);
}

std::optional<Error> Heartbeat::trouble_within(std::chrono::milliseconds time) const {
  {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_for(lock, time, [&] { return state_->trouble.has_value(); });
  }
  return trouble();
}

std::vector<int> Heartbeat::quiet() const {
  std::lock_guard lock(state_->mutex);
  return state_->quiet;
}

void Heartbeat::post(const Error& error) {
  std::unique_lock lock(state_->mutex);
  state_->own = error;
  state_->changed.notify_all();
  // Worker 0 takes the key store with it.
  const auto known = [&] {
    return state_->ended || (state_->round.rank == 0 ? state_->all_have_seen : state_->is_posted);
  };
  const bool is_loss = error.code() == ErrorCode::kWorkerLost;
  state_->changed.wait_for(lock, is_loss ? kTimeToPostLoss : kTimeToPost, known);
}

}  // namespace oko::train

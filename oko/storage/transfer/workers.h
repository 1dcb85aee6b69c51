#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "oko/base/threads.h"

namespace oko::storage {

// Chooses how many connections to use at a time: tries half as many more, keeps them if the rate
// rises, and halves at once if a store throttles.
class Pace {
 public:
  Pace(int first, int most) : limit_(first < most ? first : most), most_(most) {}
  int limit() const { return limit_; }
  // `rate` is what was moved in the last interval, in any unit; `full` whether all connections were
  // busy; `throttled` whether a store throttled.
  void measured(double rate, bool full, bool throttled);

 private:
  int limit_, most_, before_ = 0, hold_ = 1, slowed_ = 0;
  double rate_before_ = 0;
  bool trying_ = false;
};

// Decides which tasks run on its threads now: as many as the pace allows, and as fit in a shared
// memory limit.
class Workers {
 public:
  // A task's share of the memory, returned when the last copy is destroyed.
  using Lease = std::shared_ptr<void>;
  struct Task {
    std::uint64_t memory = 0;
    std::function<void(Lease)> run;  // must not throw
  };

  // `connections` 0: chosen adaptively.
  Workers(int connections, std::uint64_t memory);
  // Drops tasks that have not started and waits for the rest.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Queues a task; while the queue is long, calls `meanwhile` now and then.
  void post(Task task, const std::function<void()>& meanwhile);
  // Before all tasks of post(), in the order given. For tasks to call.
  void post_first(std::vector<Task> tasks);
  // Returns when all tasks are done, calling `meanwhile` now and then.
  void wait(const std::function<void()>& meanwhile);
  // Drops tasks that have not started.
  void drop();
  // Reports what a task has moved, for choosing the number of connections.
  void moved(std::uint64_t bytes) { moved_ += bytes + kObjectWorth; }
  int limit() const;

 private:
  // The overhead of an object, in bytes: about a millisecond.
  static constexpr std::uint64_t kObjectWorth = 64 << 10;

  // With mutex_ held:
  bool may_start() const;
  void start();  // every task that may
  void adapt();
  bool idle() const { return urgent_.empty() && tasks_.empty() && running_ == 0; }

  mutable std::mutex mutex_;
  std::condition_variable left_;  // for the caller of post() and wait()
  std::deque<Task> urgent_, tasks_;
  std::uint64_t free_memory_, all_memory_;
  int running_ = 0;
  bool adaptive_;
  Pace pace_;
  std::atomic<std::uint64_t> moved_{0};
  std::uint64_t measured_ = 0, throttled_ = 0;
  double measured_at_ = 0;
  ThreadPool threads_;  // last: they end before anything they use
};

}  // namespace oko::storage

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "oko/runtime/priority.h"

namespace oko::runtime {

// The threads that work on one image: the caller and size() - 1 workers. Between steps they spin
// for less than a millisecond, then sleep: every spin costs battery. One caller at a time.
class Team {
 public:
  // At least 1. On platforms without threads there is only the caller.
  explicit Team(int size, Priority priority = Priority::kInherit);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return static_cast<int>(threads_.size()) + 1; }

  // Calls body(task, thread) for every task in [0, count); thread is in [0, size()). Each thread
  // begins with its own share of them, in order: what it wrote in one step is in its cache for the
  // next. Then it takes what is left of the others'. Returns when all are done. `body` must not
  // throw.
  template <typename Body>
  void run(int count, const Body& body) {
    if (count <= 1 || threads_.empty()) {
      for (int task = 0; task < count; ++task) body(task, 0);
      return;
    }
    run(
        count,
        [](const void* b, int task, int thread) { (*static_cast<const Body*>(b))(task, thread); },
        &body);
  }

 private:
  using Call = void (*)(const void* body, int task, int thread);
  void run(int count, Call call, const void* body);
  void work(int thread);
  void take_tasks(int thread);
  bool join_round();

  // A round is open while it has tasks left. The caller closes it, and waits only for the threads
  // that joined it: one that did not wake in time is not needed.
  static constexpr std::uint64_t kClosed = 1U << 16, kInside = kClosed - 1, kRound = 1U << 17;

  // A thread's share of the tasks: [count · thread / size(), count · (thread + 1) / size()).
  struct alignas(64) Share {
    std::atomic<int> next{0};
  };
  int first_of(int thread) const {
    return static_cast<int>(std::int64_t{count_} * thread / size());
  }

  std::vector<std::thread> threads_;
  std::unique_ptr<Share[]> shares_;
  // The work. Written by the caller while no round is open.
  Call call_ = nullptr;
  const void* body_ = nullptr;
  int count_ = 0;
  std::atomic<int> processor_{-1};             // on which the caller started the round
  std::atomic<std::uint64_t> state_{kClosed};  // threads inside, closed or not, number of the round
  std::atomic<bool> stopping_{false};
  std::atomic<int> sleeping_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
};

}  // namespace oko::runtime

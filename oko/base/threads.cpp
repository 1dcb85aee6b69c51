#include "oko/base/threads.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <utility>
#ifdef __linux__
#include <sched.h>
#endif

namespace oko {

ThreadPool::ThreadPool(int threads) : most_(kCanStartThreads ? std::max(threads, 0) : 0) {}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void ThreadPool::post(std::function<void()> task) {
  if (most_ == 0) return task();
  {
    std::lock_guard lock(mutex_);
    const bool all_busy = tasks_.size() >= idle_;
    // The destructor, while it stops, joins the threads there are.
    if (all_busy && !stopping_ && std::cmp_less(threads_.size(), most_)) {
      threads_.emplace_back([this] { work(); });
    }
    tasks_.push_back(std::move(task));
  }
  ready_.notify_one();
}

void ThreadPool::work() {
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      ++idle_;
      ready_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      --idle_;
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

void ThreadPool::parallel_for(std::size_t count, const std::function<void(std::size_t)>& body) {
  struct Shared {
    std::atomic<std::size_t> next{0};
    std::atomic<bool> failed{false};
    std::mutex mutex;
    std::condition_variable done;
    int running = 0;
    std::exception_ptr error;
  } shared;
  const auto loop = [&] {
    for (std::size_t i; !shared.failed && (i = shared.next++) < count;) {
      try {
        body(i);
      } catch (...) {
        std::lock_guard lock(shared.mutex);
        if (!shared.error) shared.error = std::current_exception();
        shared.failed = true;
      }
    }
  };
  // This thread works too, so at most count - 1 helpers are useful.
  const std::size_t helpers =
      std::min<std::size_t>(static_cast<std::size_t>(most_), count > 0 ? count - 1 : 0);
  shared.running = static_cast<int>(helpers);
  for (std::size_t i = 0; i < helpers; ++i) {
    post([&] {
      loop();
      std::lock_guard lock(shared.mutex);
      if (--shared.running == 0) shared.done.notify_one();
    });
  }
  loop();
  std::unique_lock lock(shared.mutex);
  shared.done.wait(lock, [&] { return shared.running == 0; });
  if (shared.error) std::rethrow_exception(shared.error);
}

int available_processors() {
  if (!kCanStartThreads) return 1;
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace oko

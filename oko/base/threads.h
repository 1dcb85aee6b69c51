#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace oko {

// False in WebAssembly built without threads: there everything runs on the calling thread.
#if defined(__EMSCRIPTEN__) && !defined(__EMSCRIPTEN_PTHREADS__)
inline constexpr bool kCanStartThreads = false;
#else
inline constexpr bool kCanStartThreads = true;
#endif

// Worker threads, started as tasks need them, up to a fixed number. post() may be called from any
// thread, also from a task; in a pool without threads it runs the task at once. The destructor runs
// all queued tasks, then joins.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return most_; }
  void post(std::function<void()> task);

  // Calls body(i) for i in [0, count) on the workers and this thread; returns when all are done.
  // The first exception thrown by a body is thrown here once the others have stopped.
  // Must not be called from a task of the same pool.
  void parallel_for(std::size_t count, const std::function<void(std::size_t)>& body);

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  const int most_;
  std::size_t idle_ = 0;  // threads that wait for a task
  std::vector<std::thread> threads_;
};

// CPU cores this process may use within its cgroup and affinity, at least 1.
int available_processors();

}  // namespace oko

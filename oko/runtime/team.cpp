#include "oko/runtime/team.h"

#include <algorithm>
#include <system_error>

namespace oko::runtime {
namespace {

// About 20 µs on today's processors: longer than a step's uneven end, shorter than a camera's
// frame.
constexpr int kSpins = 2000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Team::Team(int size) {
#if !defined(__EMSCRIPTEN__) || defined(__EMSCRIPTEN_PTHREADS__)
  threads_.reserve(static_cast<std::size_t>(std::max(0, size - 1)));
  try {
    for (int i = 1; i < size; ++i) threads_.emplace_back([this, i] { work(i); });
  } catch (const std::system_error&) {
    // The system gives no more threads: those there are do the work.
  }
#else
  static_cast<void>(size);
#endif
}

Team::~Team() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Team::take_tasks(int thread) {
  for (int task; (task = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) {
    call_(body_, task, thread);
  }
}

void Team::run(int count, Call call, const void* body) {
  call_ = call;
  body_ = body;
  count_ = count;
  next_.store(0, std::memory_order_relaxed);
  busy_.store(static_cast<int>(threads_.size()), std::memory_order_relaxed);
  round_.fetch_add(1);  // after this the others may read what was written above
  if (sleeping_.load() > 0) {
    const std::lock_guard lock(mutex_);
    wake_.notify_all();
  }
  take_tasks(0);
  for (int spins = 0; busy_.load(std::memory_order_acquire) > 0;) {
    if (++spins < kSpins) {
      pause();
    } else {
      std::this_thread::yield();  // the others still work: nothing to sleep on is worth its price
    }
  }
}

void Team::work(int thread) {
  for (unsigned seen = 0;;) {
    for (int spins = 0; spins < kSpins && round_.load() == seen && !stopping_.load(); ++spins)
      pause();
    if (round_.load() == seen) {
      std::unique_lock lock(mutex_);
      ++sleeping_;
      wake_.wait(lock, [&] { return round_.load() != seen || stopping_.load(); });
      --sleeping_;
    }
    if (stopping_.load()) return;
    seen = round_.load();
    take_tasks(thread);
    busy_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace oko::runtime

#include "oko/runtime/team.h"

#include <algorithm>
#include <chrono>
#include <system_error>

namespace oko::runtime {
namespace {

// How long a thread that has nothing to do looks for more before it sleeps. Longer than the uneven
// end of a step, so that nobody has to be woken within a picture, which costs as much as a small
// step; short against the time between two of a camera's.
constexpr std::chrono::microseconds kSpin{400};

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Spins until ready() or for kSpin; tells which.
template <typename Ready>
bool spin(const Ready& ready) {
  constexpr int kLooks = 64;  // between two looks at the clock
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kLooks; ++i) {
      if (ready()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return ready();
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
  const auto done = [this] { return busy_.load(std::memory_order_acquire) == 0; };
  // Past that the others have lost their processors: let them have this one.
  while (!spin(done)) std::this_thread::yield();
}

void Team::work(int thread) {
  for (unsigned seen = 0;;) {
    const auto called = [&] { return round_.load() != seen || stopping_.load(); };
    if (!spin(called)) {
      std::unique_lock lock(mutex_);
      ++sleeping_;
      wake_.wait(lock, called);
      --sleeping_;
    }
    if (stopping_.load()) return;
    seen = round_.load();
    take_tasks(thread);
    busy_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace oko::runtime

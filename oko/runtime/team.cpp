#include "oko/runtime/team.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#if defined(__linux__)
#include <sched.h>
#endif

namespace oko::runtime {
namespace {

// How long an idle thread spins before it sleeps. Longer than the uneven end of a step, so that no
// thread has to be woken within an image, which costs as much as a small step; short compared with
// a camera's frame interval.
constexpr std::chrono::microseconds kSpin{400};

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
  asm volatile("yield");
#endif
}

// Spins until ready() or for kSpin; returns which.
template <typename Ready>
bool spin(const Ready& ready) {
  constexpr int kLooks = 64;  // between two clock reads
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kLooks; ++i) {
      if (ready()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}

int current_processor() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

// Moves this thread to another processor, then removes the restriction. A thread is woken on its
// waker's processor, and on a busy machine the system may leave it there for a whole image, where
// it can only alternate with the caller.
void leave_processor(int processor) {
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) return;
  cpu_set_t others = allowed;
  CPU_CLR(static_cast<unsigned>(processor), &others);
  if (sched_setaffinity(0, sizeof others, &others) == 0) {
    sched_setaffinity(0, sizeof allowed, &allowed);
  }
#else
  static_cast<void>(processor);
#endif
}

}  // namespace

Team::Team(int size, Priority priority)
    : shares_(new Share[static_cast<std::size_t>(std::max(1, size))]) {
#if !defined(__EMSCRIPTEN__) || defined(__EMSCRIPTEN_PTHREADS__)
  threads_.reserve(static_cast<std::size_t>(std::max(0, size - 1)));
  try {
    for (int i = 1; i < size; ++i)
      threads_.emplace_back([this, i, priority] {
        set_priority(priority);
        work(i);
      });
  } catch (const std::system_error&) {
    // The system cannot create more threads: the existing ones do the work.
  }
#else
  static_cast<void>(size);
  static_cast<void>(priority);
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
  for (int i = 0; i < size(); ++i) {
    const int owner = (thread + i) % size(), end = first_of(owner + 1);
    std::atomic<int>& next = shares_[static_cast<std::size_t>(owner)].next;
    // Looks before it takes: a share that is done need not change hands.
    while (next.load(std::memory_order_relaxed) < end) {
      const int task = next.fetch_add(1, std::memory_order_relaxed);
      if (task < end) call_(body_, task, thread);
    }
  }
}

void Team::run(int count, Call call, const void* body) {
  call_ = call;
  body_ = body;
  count_ = count;
  for (int i = 0; i < size(); ++i) {
    shares_[static_cast<std::size_t>(i)].next.store(first_of(i), std::memory_order_relaxed);
  }
  processor_.store(current_processor(), std::memory_order_relaxed);
  // Opens the next round: no thread is inside. Threads that join see everything written above.
  state_.store((state_.load() & ~(kRound - 1)) + kRound);
  if (sleeping_.load() > 0) {
    const std::lock_guard lock(mutex_);
    wake_.notify_all();
  }
  take_tasks(0);
  state_.fetch_or(kClosed);
  const auto empty = [this] { return (state_.load(std::memory_order_acquire) & kInside) == 0; };
  // After that the others have probably been preempted: yield this processor.
  while (!spin(empty)) std::this_thread::yield();
}

bool Team::join_round() {
  for (std::uint64_t state = state_.load(); (state & kClosed) == 0;) {
    if (state_.compare_exchange_weak(state, state + 1)) return true;
  }
  return false;
}

void Team::work(int thread) {
  for (std::uint64_t seen = 0;;) {
    const auto called = [&] {
      const std::uint64_t state = state_.load();
      return ((state & kClosed) == 0 && state / kRound != seen) || stopping_.load();
    };
    if (!spin(called)) {
      std::unique_lock lock(mutex_);
      ++sleeping_;
      wake_.wait(lock, called);
      --sleeping_;
    }
    if (stopping_.load()) return;
    const int callers = processor_.load(std::memory_order_relaxed);
    if (callers >= 0 && callers == current_processor()) leave_processor(callers);
    if (!join_round()) continue;
    seen = state_.load() / kRound;  // no other round can start while this thread is inside
    take_tasks(thread);
    state_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace oko::runtime

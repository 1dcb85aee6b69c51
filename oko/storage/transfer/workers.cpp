#include "oko/storage/transfer/workers.h"

#include <algorithm>
#include <chrono>

#include "oko/storage/http/client.h"

namespace oko::storage {
namespace {

constexpr int kFirst = 12, kMost = 64;
constexpr int kFewest = 4;  // minimum, even if a store throttles
constexpr int kHold = 8;    // intervals between two changes
constexpr std::size_t kWaiting = 512;
constexpr double kInterval = .5;  // seconds between two rate measurements
constexpr auto kTick = std::chrono::milliseconds(100);

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void Pace::measured(double rate, bool full, bool throttled) {
  if (throttled) {  // slow down occasionally, and never speed up while it lasts
    if (slowed_ == 0) {
      limit_ = std::max(std::min(limit_, kFewest), limit_ * 3 / 4);
      slowed_ = kHold;
    } else {
      --slowed_;
    }
    trying_ = false;
    hold_ = kHold;
    return;
  }
  slowed_ = std::max(0, slowed_ - 1);
  if (!full) {
    trying_ = false;
  } else if (trying_ && rate < 1.08 * rate_before_) {
    limit_ = before_;
    trying_ = false;
    hold_ = kHold;
  } else if (trying_ || --hold_ <= 0) {
    before_ = limit_;
    rate_before_ = rate;
    limit_ = std::min(most_, limit_ + (limit_ + 1) / 2);
    trying_ = limit_ != before_;
    if (!trying_) hold_ = kHold;
  }
}

Workers::Workers(int connections, std::uint64_t memory)
    : free_memory_(memory),
      all_memory_(memory),
      adaptive_(connections == 0),
      pace_(connections == 0 ? kFirst : connections, connections == 0 ? kMost : connections),
      throttled_(http::counters().throttled),
      measured_at_(now()),
      threads_(connections == 0 ? kMost : connections) {}

Workers::~Workers() { drop(); }

int Workers::limit() const {
  const std::scoped_lock lock(mutex_);
  return pace_.limit();
}

bool Workers::may_start() const {
  const auto& queue = urgent_.empty() ? tasks_ : urgent_;
  if (queue.empty() || running_ >= pace_.limit()) return false;
  // A task that needs more than the total runs when it has all of it.
  return queue.front().memory <= free_memory_ || free_memory_ == all_memory_;
}

void Workers::start() {
  while (may_start()) {
    auto& queue = urgent_.empty() ? tasks_ : urgent_;
    const std::uint64_t memory = std::min(queue.front().memory, free_memory_);
    threads_.post([this, memory, run = std::move(queue.front().run)]() mutable {
      run(Lease(this, [this, memory](void*) {
        const std::scoped_lock lock(mutex_);
        free_memory_ += memory;
        start();
      }));
      run = nullptr;  // what it holds may take time to end
      const std::scoped_lock lock(mutex_);
      --running_;
      start();
      if (idle()) left_.notify_one();
    });
    queue.pop_front();
    ++running_;
    free_memory_ -= memory;
    if (tasks_.size() == kWaiting / 2) left_.notify_one();
  }
}

void Workers::post(Task task, const std::function<void()>& meanwhile) {
  std::unique_lock lock(mutex_);
  while (!left_.wait_for(lock, kTick, [&] { return tasks_.size() < kWaiting; })) {
    lock.unlock();
    meanwhile();
    lock.lock();
    adapt();
  }
  tasks_.push_back(std::move(task));
  adapt();
  start();
}

void Workers::post_first(std::vector<Task> tasks) {
  const std::scoped_lock lock(mutex_);
  for (Task& task : tasks) urgent_.push_back(std::move(task));
  start();
}

void Workers::wait(const std::function<void()>& meanwhile) {
  std::unique_lock lock(mutex_);
  while (!left_.wait_for(lock, kTick, [&] { return idle(); })) {
    lock.unlock();
    meanwhile();
    lock.lock();
    adapt();
  }
}

void Workers::drop() {
  const std::scoped_lock lock(mutex_);
  urgent_.clear();
  tasks_.clear();
  left_.notify_one();
}

void Workers::adapt() {
  const double time = now();
  if (!adaptive_ || time - measured_at_ < kInterval) return;
  const std::uint64_t moved = moved_, throttled = http::counters().throttled;
  const bool full = running_ >= pace_.limit() || !tasks_.empty();
  pace_.measured(static_cast<double>(moved - measured_) / (time - measured_at_), full,
                 throttled > throttled_);
  start();  // the limit may have grown
  measured_ = moved;
  throttled_ = throttled;
  measured_at_ = time;
}

}  // namespace oko::storage

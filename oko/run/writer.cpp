#include "oko/run/writer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "oko/storage/store.h"

namespace oko::run {

Writer::Writer(WriterOptions options) : options_(std::move(options)), thread_([this] { work(); }) {}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    release_gathered();
    closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Writer::append(const std::string& uri, std::string_view text) {
  std::unique_lock lock(mutex_);
  wait_for_room(lock, text.size());
  waiting_ += text.size();
  const Clock::time_point due_before = due_;
  const auto same = [&](const Task& task) { return task.uri == uri; };
  auto piece = std::find_if(gathered_.begin(), gathered_.end(), same);
  if (piece == gathered_.end()) {
    Task task;
    task.uri = uri;
    piece = gathered_.insert(gathered_.end(), std::move(task));
    const bool at_once = storage::is_local(uri);
    due_ = std::min(due_, at_once ? Clock::now() : Clock::now() + options_.gather_time);
  }
  piece->text += text;
  piece->size += text.size();
  if (piece->size >= options_.gather_bytes) due_ = Clock::time_point::min();
  if (due_ != due_before) wake_.notify_one();
}

void Writer::write(const std::string& uri, std::uint64_t size, Make make) {
  std::unique_lock lock(mutex_);
  wait_for_room(lock, size);
  waiting_ += size;
  Task task;
  task.uri = uri;
  task.make = std::move(make);
  task.size = size;
  add(std::move(task));
}

void Writer::write_checkpoint(const std::string& uri, Make make, std::function<void()> after) {
  const std::lock_guard lock(mutex_);
  throw_failure();
  drop_waiting_checkpoint();
  Task task;
  task.uri = uri;
  task.make = std::move(make);
  task.after = std::move(after);
  task.is_checkpoint = true;
  add(std::move(task));
}

void Writer::flush() {
  std::unique_lock lock(mutex_);
  release_gathered();
  wake_.notify_one();
  done_.wait(lock, [&] { return failure_ || (tasks_.empty() && !busy_); });
  throw_failure();
}

void Writer::add(Task task) {
  release_gathered();
  tasks_.push_back(std::move(task));
  wake_.notify_one();
}

void Writer::release_gathered() {
  std::move(gathered_.begin(), gathered_.end(), std::back_inserter(tasks_));
  gathered_.clear();
  due_ = Clock::time_point::max();
}

// Of the whole files queued before it only the newest of each name is needed: nothing that becomes
// visible in between refers to the older ones.
void Writer::drop_waiting_checkpoint() {
  const auto dropped = std::erase_if(tasks_, [](const Task& task) { return task.is_checkpoint; });
  if (dropped == 0) return;
  std::set<std::string> seen;
  for (auto task = tasks_.rbegin(); task != tasks_.rend(); ++task) {
    if (!task->make || seen.insert(task->uri).second) continue;
    waiting_ -= task->size;
    task->size = 0;
    task->make = nullptr;
    task->text.clear();
  }
  std::erase_if(tasks_, [](const Task& task) { return !task.make && task.text.empty(); });
}

void Writer::wait_for_room(std::unique_lock<std::mutex>& lock, std::uint64_t size) {
  const auto there_is = [&] {
    return failure_ || waiting_ == 0 || waiting_ + size <= options_.most_waiting;
  };
  if (!there_is()) {
    release_gathered();
    wake_.notify_one();
    done_.wait(lock, there_is);
  }
  throw_failure();
}

void Writer::throw_failure() const {
  if (failure_) std::rethrow_exception(failure_);
}

void Writer::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (tasks_.empty() && due_ <= Clock::now()) release_gathered();
    if (tasks_.empty()) {
      if (closing_) return;
      if (due_ == Clock::time_point::max()) {
        wake_.wait(lock);
      } else {
        wake_.wait_until(lock, due_);
      }
      continue;
    }
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    busy_ = true;
    lock.unlock();
    std::exception_ptr failure;
    try {
      perform(task);
    } catch (...) {
      failure = std::current_exception();
    }
    const std::uint64_t size = task.size;
    task = {};  // frees a checkpoint's bytes without blocking anyone
    lock.lock();
    busy_ = false;
    waiting_ -= size;
    if (failure) {
      failure_ = failure;
      release_gathered();
      tasks_.clear();
    }
    done_.notify_all();
  }
}

void Writer::perform(const Task& task) {
  if (task.is_checkpoint || !checked_ || Clock::now() - *checked_ > options_.check_time) {
    options_.check();
    checked_ = Clock::now();
  }
  if (task.make) {
    storage::write(task.uri, task.make());
  } else {
    storage::append(task.uri, task.text);
  }
  if (task.after) task.after();
}

}  // namespace oko::run

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace oko::run {

struct WriterOptions {
  // What is appended to files in buckets gathers until it is this much or this old, since every
  // append costs requests there. On disk it is written at once.
  std::size_t gather_bytes = std::size_t{64} << 10;
  std::chrono::milliseconds gather_time{15'000};
  // Bytes that may wait or be under way, checkpoints not counted; who wants to add more is held up
  // until there is room. One thing alone may be larger.
  std::uint64_t most_waiting = std::uint64_t{256} << 20;
  // Is called on the writer's thread before every checkpoint, and before other writes where the
  // last call is older than `check_time`. What it throws is a failure like the disk's.
  std::function<void()> check = [] {};
  std::chrono::milliseconds check_time{5'000};
};

// Writes a run's files on a thread of its own, so that training does not wait for disks and
// buckets.
//
// Order: everything becomes visible in the order in which it was given; who sees a checkpoint sees
// the log lines before it.
// Skipping: at most one checkpoint waits while another is under way. A newer one takes its place,
// so the newest is never lost; whole files that waited for the skipped one are skipped too where a
// newer content of the same name waits.
// Failures: the first one ends the writing: what waits is dropped, and every later call throws it.
// The destructor writes what waits and throws nothing, so that an exception on its way is not
// hidden; who wants to know calls flush() before.
//
// Of one thread, but for the destructor's and the writer's own.
class Writer {
 public:
  // Makes a file's bytes on the writer's thread.
  using Make = std::function<std::vector<std::byte>()>;

  explicit Writer(WriterOptions options = {});
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Whole lines or records to the end of a file.
  void append(const std::string& uri, std::string_view text);
  // Replaces a whole file. `size`: about how many bytes wait for that.
  void write(const std::string& uri, std::uint64_t size, Make make);
  // The same, as described above; then calls `after` on the writer's thread.
  void write_checkpoint(const std::string& uri, Make make, std::function<void()> after);
  // Returns when everything is written.
  void flush();

 private:
  using Clock = std::chrono::steady_clock;
  struct Task {
    std::string uri;
    std::string text;  // to append, where `make` is null
    Make make;
    std::function<void()> after;
    std::uint64_t size = 0;
    bool is_checkpoint = false;
  };

  void work();
  void perform(const Task& task);
  void add(Task task);
  void release_gathered();
  void drop_waiting_checkpoint();
  void wait_for_room(std::unique_lock<std::mutex>& lock, std::uint64_t size);
  void throw_failure() const;

  const WriterOptions options_;
  std::optional<Clock::time_point> checked_;  // of the writer's thread

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::deque<Task> tasks_;
  std::vector<Task> gathered_;                        // appends that wait for more, one a file
  Clock::time_point due_ = Clock::time_point::max();  // when gathered_ becomes tasks
  std::uint64_t waiting_ = 0;                         // bytes in tasks_, gathered_ and under way
  bool busy_ = false, closing_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace oko::run

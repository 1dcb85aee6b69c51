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
  // Appends to files in buckets are buffered until they reach this size or age, since every append
  // costs requests. On disk they are written at once.
  std::size_t gather_bytes = std::size_t{64} << 10;
  std::chrono::milliseconds gather_time{15'000};
  // Bytes that may be queued or in progress, not counting checkpoints; callers block until there is
  // room. A single item may be larger.
  std::uint64_t most_waiting = std::uint64_t{256} << 20;
  // Called on the writer's thread before every checkpoint, and before other writes if the last call
  // is older than `check_time`. An exception from it counts as a write failure.
  std::function<void()> check = [] {};
  std::chrono::milliseconds check_time{5'000};
};

// Writes a run's files on its own thread, so that training does not wait for disks and buckets.
//
// Order: everything becomes visible in the order of the calls; a visible checkpoint implies visible
// log lines before it. Skipping: at most one checkpoint is queued while another is being written. A
// newer one replaces it, so the newest is never lost; whole files queued before the skipped one are
// skipped too if newer content of the same name is queued. Failures: the first one stops the
// writer: the queue is dropped, and every later call throws it. The destructor writes the queue and
// throws nothing, so that an exception in flight is not hidden; call flush() first to see errors.
//
// Not thread-safe: one thread calls it.
class Writer {
 public:
  // Produces a file's bytes on the writer's thread.
  using Make = std::function<std::vector<std::byte>()>;

  explicit Writer(WriterOptions options = {});
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Appends whole lines or records to a file.
  void append(const std::string& uri, std::string_view text);
  // Replaces a whole file. `size`: approximate bytes queued for it.
  void write(const std::string& uri, std::uint64_t size, Make make);
  // The same, as described above; then calls `after` on the writer's thread.
  void write_checkpoint(const std::string& uri, Make make, std::function<void()> after);
  // Returns when everything is written.
  void flush();

 private:
  using Clock = std::chrono::steady_clock;
  struct Task {
    std::string uri;
    std::string text;  // to append, if `make` is null
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
  std::optional<Clock::time_point> checked_;  // writer's thread only

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::deque<Task> tasks_;
  std::vector<Task> gathered_;                        // buffered appends, one per file
  Clock::time_point due_ = Clock::time_point::max();  // when gathered_ becomes tasks
  std::uint64_t waiting_ = 0;                         // bytes in tasks_, gathered_ and in progress
  bool busy_ = false, closing_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace oko::run

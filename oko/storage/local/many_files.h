#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/storage/store.h"

namespace oko::storage::local {

// Writes many small files atomically like the local store, but in groups: all files of a group are
// on disk before the first of them gets its name, which needs far fewer flushes. Thread-safe.
class ManyFiles {
 public:
  // The outcome of a file. One of the two is called, once, by the thread that flushes its group;
  // they must not throw.
  struct Outcome {
    std::function<void(const Entry& made)> made;
    std::function<void(const Error& error)> failed;
  };

  ManyFiles();
  ~ManyFiles();  // flushes
  ManyFiles(const ManyFiles&) = delete;
  ManyFiles& operator=(const ManyFiles&) = delete;

  // Queues a replacement of a file. Throws, and calls neither, if it cannot be written.
  void write(const std::string& path, std::span<const std::byte> content, Outcome outcome);
  // Afterwards everything written has its name and survives a power cut.
  void flush();

 private:
  struct Waiting;  // written, not yet renamed

  static void flush_content(const std::vector<std::unique_ptr<Waiting>>& group);
  void finish(std::vector<std::unique_ptr<Waiting>> group);

  std::mutex mutex_;
  std::vector<std::unique_ptr<Waiting>> group_;
  std::uint64_t group_bytes_ = 0;
  std::set<std::string> folders_;  // with new names
};

}  // namespace oko::storage::local

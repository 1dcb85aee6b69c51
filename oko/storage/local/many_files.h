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

// Writes many small files as the local store does, whole or not at all, but in groups: all files of
// a group are on the disk before the first of them gets its name, which takes a fraction of the
// flushes. May be used by several threads.
class ManyFiles {
 public:
  // What became of a file. One of both is called, once, by whichever thread flushes its group; they
  // throw nothing.
  struct Outcome {
    std::function<void(const Entry& made)> made;
    std::function<void(const Error& error)> failed;
  };

  ManyFiles();
  ~ManyFiles();  // flushes
  ManyFiles(const ManyFiles&) = delete;
  ManyFiles& operator=(const ManyFiles&) = delete;

  // Replaces a file soon. Throws, and calls neither, where it cannot be written.
  void write(const std::string& path, std::span<const std::byte> content, Outcome outcome);
  // Everything that was written has its name, and a power cut takes none of them away.
  void flush();

 private:
  struct Waiting;  // written, without its name

  static void flush_content(const std::vector<std::unique_ptr<Waiting>>& group);
  void finish(std::vector<std::unique_ptr<Waiting>> group);

  std::mutex mutex_;
  std::vector<std::unique_ptr<Waiting>> group_;
  std::uint64_t group_bytes_ = 0;
  std::set<std::string> folders_;  // that hold new names
};

}  // namespace oko::storage::local

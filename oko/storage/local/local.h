#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>

#include "oko/storage/store.h"

namespace oko::storage {

// Files on this machine, by plain path or file:// URI.
//
// What is written goes to a temporary name in the same folder (".NAME.oko-part-…", which lists
// leave out), is flushed to the disk and renamed, so a power cut leaves the old file or the new
// one. Preconditions hold against other writers with preconditions: they take turns by a lock on
// the folder. A version is modification time, size and inode.
std::unique_ptr<Store> make_local_store();

// Writes many files as that store does, but flushes their folders all at once. A power cut before
// that may take files away again; one that is there is whole. May be used by several threads.
class ManyFiles {
 public:
  ManyFiles() = default;
  ~ManyFiles() { flush(); }
  ManyFiles(const ManyFiles&) = delete;
  ManyFiles& operator=(const ManyFiles&) = delete;

  Entry write(const std::string& uri, std::span<const std::byte> content);
  void flush() noexcept;

 private:
  std::mutex mutex_;
  std::set<std::string> folders_;  // that hold new names
};

}  // namespace oko::storage

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/storage/files/piece.h"
#include "oko/storage/store.h"

namespace oko::storage {

class DiskCache;
DiskCache& disk_cache();

// Many files that are read repeatedly, like a dataset: at the listed versions, through the disk
// cache, and prefetched. A name may also refer to a part of a file (an image in a shard).
// Unregistered names and local files are read from their store directly. Thread-safe once all are
// registered.
class Files {
 public:
  explicit Files(DiskCache& cache = disk_cache());
  ~Files();
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  // Registers `name` as this piece.
  void add(const std::string& name, Piece piece);
  void add(const Entry& listed);

  // The whole file or piece; memory-mapped if it is local. Conflict if the file was replaced since
  // it was listed.
  Bytes read(const std::string& name);
  // At most `count` bytes from `offset`; fewer only at the end. From a bucket the whole file is
  // read if it can be cached.
  Bytes read_part(const std::string& name, std::uint64_t offset, std::uint64_t count);
  // Its size in bytes, without a request if the name is registered; nothing if it does not exist.
  std::optional<std::uint64_t> size(const std::string& name);

  // Starts to prefetch these, in this order and over many connections, and cancels earlier
  // prefetches. What does not fit in the cache is held in memory, up to 128 MiB at a time, until it
  // is read once. Errors are thrown when the file itself is read.
  void read_ahead(std::vector<std::string> names);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace oko::storage

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

// Many files that are read again and again, as a data set is: at the versions that were listed,
// through the cache on disk, and ahead of whoever needs them. A name may also mean a part of a
// file (a picture in a shard). Names that nobody told of are read from their store as ever, and so
// is everything on this machine's disk. Safe from several threads once all are told.
class Files {
 public:
  explicit Files(DiskCache& cache = disk_cache());
  ~Files();
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  // From now on `name` is this piece.
  void add(const std::string& name, Piece piece);
  void add(const Entry& listed);

  // The whole file or piece; mapped where it lies on this disk. Conflict where the file was
  // replaced since it was listed.
  Bytes read(const std::string& name);
  // At most `count` bytes from `offset`; fewer only at the end. From a bucket the whole is read
  // where it can be kept.
  Bytes read_part(const std::string& name, std::uint64_t offset, std::uint64_t count);
  // Bytes it has, without a request where the name is known; nothing where it is not there.
  std::optional<std::uint64_t> size(const std::string& name);

  // Begins to fetch these, in this order and over many connections, and forgets what was asked for
  // before. What the cache has no room for waits in memory, up to 128 MiB at a time, until it is
  // read once. Errors are told when the file itself is read.
  void read_ahead(std::vector<std::string> names);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace oko::storage

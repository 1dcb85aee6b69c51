#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/storage/files/piece.h"

namespace oko::storage {

// A local disk cache of pieces of bucket files, shared by all programs of one user. Entries are
// keyed by URI, version and range, so they are never stale; each file carries a checksum, so what a
// power cut left incomplete is ignored. Safe for several threads and processes.
class DiskCache {
 public:
  // At most `limit` bytes below `folder`, which is created on first use; 0: keeps nothing.
  DiskCache(std::string folder, std::uint64_t limit);
  ~DiskCache();
  DiskCache(const DiskCache&) = delete;
  DiskCache& operator=(const DiskCache&) = delete;

  // True if find() will most likely find it; nothing is read.
  bool contains(const Piece& piece) const;
  // Memory-mapped. Nothing if it is missing or damaged.
  std::optional<Bytes> find(const Piece& piece);
  // True if keep() has room for this many bytes.
  bool has_room(std::uint64_t size);
  // False if there is no room, or on disk errors; readers work without it. Makes room by removing
  // entries unused since this cache was opened, least recently used first. Entries used since then
  // are kept, so that repeatedly reading more than fits still hits the first ones.
  bool keep(const Piece& piece, std::span<const std::byte> content);
  void drop(const Piece& piece);

  const std::string& folder() const { return folder_; }
  std::uint64_t limit() const { return limit_; }

 private:
  struct Kept;
  std::string path_of(const Piece& piece) const;
  void make_folder();
  // With mutex_ held:
  void look_around();  // at what is there; once
  bool make_room(std::uint64_t size);

  std::string folder_;
  std::uint64_t limit_;
  std::filesystem::file_time_type opened_;
  std::mutex mutex_;
  bool looked_ = false;
  std::uint64_t used_ = 0;    // bytes
  std::vector<Kept> unused_;  // existing entries, least recently used last
};

// The shared cache: OKO_CACHE_DIR, else $XDG_CACHE_HOME/oko/files, else ~/.cache/oko/files;
// OKO_CACHE_GB (20, at most half of the free disk space). A usage Error if OKO_CACHE_GB is not a
// number.
DiskCache& disk_cache();

}  // namespace oko::storage

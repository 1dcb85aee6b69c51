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

// Pieces of files in buckets on this machine's disk, for all programs of one user. What is kept is
// found by URI, version and range alone, so it is never stale; each file carries a checksum, so
// what a power cut left half is not there. Safe from several threads and processes.
class DiskCache {
 public:
  // At most `limit` bytes below `folder`, which is made when something is first kept; 0: keeps
  // nothing.
  DiskCache(std::string folder, std::uint64_t limit);
  ~DiskCache();
  DiskCache(const DiskCache&) = delete;
  DiskCache& operator=(const DiskCache&) = delete;

  // True where find() will most likely find it; nothing is read.
  bool contains(const Piece& piece) const;
  // Mapped, not read into memory. Nothing where it is not there or damaged.
  std::optional<Bytes> find(const Piece& piece);
  // True where keep() of so many bytes would have room.
  bool has_room(std::uint64_t size);
  // False where there is no room, or the disk refuses: whoever reads can do without. Makes room by
  // removing what no one has used since this cache was opened, longest unused first. What was used
  // since stays, so that reading more than fits again and again does find what was kept first.
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
  std::vector<Kept> unused_;  // what was there before, longest unused last
};

// The cache that all files share: OKO_CACHE_DIR, else $XDG_CACHE_HOME/oko/files, else
// ~/.cache/oko/files; OKO_CACHE_GB (20, and no more than half of what the disk has free). A usage
// Error where OKO_CACHE_GB is no number.
DiskCache& disk_cache();

}  // namespace oko::storage

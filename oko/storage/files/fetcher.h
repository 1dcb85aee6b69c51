#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/storage/files/cache.h"

namespace oko::storage {

struct Fetched {
  Bytes bytes;
  bool kept = false;  // on a local disk: reading it again costs nothing
};

// Fetches pieces of files from their stores, through the cache. Requests for what another thread is
// fetching wait for it. Thread-safe.
class Fetcher {
 public:
  explicit Fetcher(DiskCache& cache) : cache_(cache) {}
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  // A whole file. Conflict if its version or size has changed.
  Fetched whole(const Piece& piece);
  // A part of a file that has others before `end`. They are fetched and kept in blocks of 8 MiB,
  // so that one request fetches many small ones; individually if the cache has no room. An Error if
  // the checksum stays wrong.
  Fetched part(const Piece& piece, std::uint64_t end);
  // The memory that whole() or part() takes.
  static std::uint64_t memory_for(const Piece& piece, bool is_whole) {
    return is_whole ? piece.size : std::max(piece.size, kBlock);
  }
  // True if whole() or part() will find or leave `piece` on the local disk.
  bool keeps(const Piece& piece, bool is_whole, std::uint64_t end);

 private:
  static constexpr std::uint64_t kBlock = std::uint64_t{8} << 20;

  static std::vector<Piece> blocks_of(const Piece& piece, std::uint64_t end);
  std::optional<Bytes> block(const Piece& block);
  std::optional<Fetched> by_blocks(const Piece& piece, std::uint64_t end);
  void forget_blocks(const Piece& piece, std::uint64_t end);
  Fetched once(const Piece& piece, const std::function<Bytes()>& request);
  Bytes mapped(const std::string& uri);
  std::optional<Bytes> find_open(const std::string& key);

  DiskCache& cache_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_future<Fetched>> under_way_;
  std::unordered_map<std::string, Bytes> open_;  // mapped blocks, and local shards
};

}  // namespace oko::storage

#include "oko/storage/files/fetcher.h"

#include <exception>
#include <utility>

#include "oko/base/error.h"
#include "oko/storage/checksum.h"
#include "oko/storage/store.h"

namespace oko::storage {
namespace {

constexpr int kAttempts = 4;  // for content with a wrong checksum

std::string key_of(const Piece& piece) {
  return piece.uri + '\n' + std::to_string(piece.offset) + '\n' + std::to_string(piece.size);
}

Bytes checked_size(Bytes bytes, const Piece& piece) {
  if (bytes.size() != piece.size) throw Conflict(piece.uri);
  return bytes;
}

Bytes request_part(const Piece& piece) {
  return checked_size(read_range(piece.uri, piece.offset, piece.size, piece.version), piece);
}

bool is_right(const Piece& piece, const Bytes& bytes) {
  return !piece.crc32c || crc32c(bytes.span()) == *piece.crc32c;
}

}  // namespace

// The blocks that contain `piece`.
std::vector<Piece> Fetcher::blocks_of(const Piece& piece, std::uint64_t end) {
  std::vector<Piece> blocks;
  for (std::uint64_t at = piece.offset / kBlock * kBlock; at < piece.offset + piece.size;
       at += kBlock) {
    blocks.push_back({piece.uri, piece.version, at, std::min(kBlock, end - at), {}});
  }
  return blocks;
}

Fetched Fetcher::whole(const Piece& piece) {
  if (auto bytes = cache_.find(piece)) return {std::move(*bytes), true};
  return once(piece, [&] { return checked_size(read(piece.uri, piece.version), piece); });
}

Fetched Fetcher::part(const Piece& piece, std::uint64_t end) {
  if (is_local(piece.uri)) {
    const Bytes file = mapped(piece.uri);
    if (file.size() < piece.offset + piece.size) throw Conflict(piece.uri);
    Bytes bytes = file.part(piece.offset, piece.size);
    if (is_right(piece, bytes)) return {std::move(bytes), true};
  } else {
    auto fetched = by_blocks(piece, end);
    if (fetched && is_right(piece, fetched->bytes)) return std::move(*fetched);
    if (fetched) forget_blocks(piece, end);
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const Fetched alone{request_part(piece), false};
      if (is_right(piece, alone.bytes)) return alone;
    }
  }
  throw Error(ErrorCode::kStorage, piece.uri,
              "its bytes " + std::to_string(piece.offset) + " to " +
                  std::to_string(piece.offset + piece.size) + " differ from those in the index",
              "copy or create the file again");
}

bool Fetcher::keeps(const Piece& piece, bool is_whole, std::uint64_t end) {
  if (is_local(piece.uri)) return true;
  if (is_whole) return cache_.contains(piece) || cache_.has_room(piece.size);
  const std::vector<Piece> blocks = blocks_of(piece, end);
  return std::all_of(blocks.begin(), blocks.end(), [&](const Piece& block) {
    return cache_.contains(block) || cache_.has_room(block.size);
  });
}

// Nothing if they cannot be kept.
std::optional<Fetched> Fetcher::by_blocks(const Piece& piece, std::uint64_t end) {
  std::vector<std::byte> joined;
  for (const Piece& wanted : blocks_of(piece, end)) {
    const auto bytes = block(wanted);
    if (!bytes) return std::nullopt;
    const std::uint64_t from = std::max(piece.offset, wanted.offset);
    const std::uint64_t to = std::min(piece.offset + piece.size, wanted.offset + wanted.size);
    const Bytes part = bytes->part(from - wanted.offset, to - from);
    if (part.size() == piece.size) return Fetched{part, true};
    joined.insert(joined.end(), part.span().begin(), part.span().end());
  }
  return Fetched{Bytes(std::move(joined)), true};
}

std::optional<Bytes> Fetcher::block(const Piece& wanted) {
  const std::string key = key_of(wanted);
  if (auto bytes = find_open(key)) return bytes;
  auto bytes = cache_.find(wanted);
  if (!bytes) {
    if (!cache_.has_room(wanted.size)) return std::nullopt;
    const Fetched fetched = once(wanted, [&] { return request_part(wanted); });
    bytes = fetched.bytes;
    // A mapped file takes no memory.
    if (auto kept = fetched.kept ? cache_.find(wanted) : std::nullopt) bytes = std::move(kept);
    if (!fetched.kept) return bytes;
  }
  const std::scoped_lock lock(mutex_);
  return open_.try_emplace(key, *bytes).first->second;
}

void Fetcher::forget_blocks(const Piece& piece, std::uint64_t end) {
  for (const Piece& block : blocks_of(piece, end)) {
    cache_.drop(block);
    const std::scoped_lock lock(mutex_);
    open_.erase(key_of(block));
  }
}

Fetched Fetcher::once(const Piece& piece, const std::function<Bytes()>& request) {
  const std::string key = key_of(piece);
  std::promise<Fetched> promise;
  std::shared_future<Fetched> of_another;
  {
    const std::scoped_lock lock(mutex_);
    const auto [it, is_first] = under_way_.try_emplace(key);
    if (is_first) {
      it->second = promise.get_future().share();
    } else {
      of_another = it->second;
    }
  }
  if (of_another.valid()) return of_another.get();
  const auto end = [&] {
    const std::scoped_lock lock(mutex_);
    under_way_.erase(key);
  };
  try {
    Fetched fetched;
    if (auto kept = cache_.find(piece)) {  // by a thread that finished in the meantime
      fetched = {std::move(*kept), true};
    } else {
      fetched.bytes = request();
      fetched.kept = cache_.keep(piece, fetched.bytes.span());
    }
    promise.set_value(fetched);
    end();
    return fetched;
  } catch (...) {
    promise.set_exception(std::current_exception());
    end();
    throw;
  }
}

Bytes Fetcher::mapped(const std::string& uri) {
  if (auto bytes = find_open(uri)) return *bytes;
  Bytes bytes = map(uri);
  const std::scoped_lock lock(mutex_);
  return open_.try_emplace(uri, std::move(bytes)).first->second;
}

std::optional<Bytes> Fetcher::find_open(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const auto found = open_.find(key);
  return found == open_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace oko::storage

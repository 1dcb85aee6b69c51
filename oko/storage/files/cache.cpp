#include "oko/storage/files/cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <vector>

#include "oko/base/error.h"
#include "oko/storage/bucket/environment.h"
#include "oko/storage/checksum.h"
#include "oko/storage/local/file.h"
#include "oko/storage/places.h"
#include "oko/storage/store.h"

namespace oko::storage {
namespace {

namespace fs = std::filesystem;

// The trailer of a cache file.
struct Trailer {
  std::array<char, 4> mark{'o', 'k', 'o', 'c'};
  std::uint32_t crc32c = 0;
};

// Overhead of a file: its blocks and directory entry on disk.
constexpr std::uint64_t kOverhead = 4096;

void touch(const std::string& path) {
  ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // only affects the eviction order
}

// Folders above `folder` may not exist yet.
std::uint64_t free_bytes(const std::string& folder) {
  for (fs::path path(folder); !path.empty(); path = path.parent_path()) {
    struct statvfs disk {};
    if (::statvfs(path.c_str(), &disk) == 0) return disk.f_bavail * disk.f_frsize;
    if (path == path.root_path()) break;
  }
  return 0;
}

std::string default_folder() {
  if (std::string folder = bucket::process_environment("OKO_CACHE_DIR"); !folder.empty()) {
    return folder;
  }
  return cache_folder("files");
}

std::uint64_t default_limit(const std::string& folder) {
  constexpr double kGigabyte = 1e9;
  const std::string given = bucket::process_environment("OKO_CACHE_GB");
  double gigabytes = 20;
  if (!given.empty()) {
    const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), gigabytes);
    if (error != std::errc() || end != given.data() + given.size() ||
        !(gigabytes >= 0 && gigabytes <= 1e6)) {
      throw Error(ErrorCode::kUsage, "OKO_CACHE_GB", "\"" + given + "\" is not a size in gigabytes",
                  "for example OKO_CACHE_GB=50, or 0 for no cache");
    }
  }
  const double most = static_cast<double>(free_bytes(folder)) / 2;
  // An explicit limit is used as given.
  return static_cast<std::uint64_t>(given.empty() ? std::min(gigabytes * kGigabyte, most)
                                                  : gigabytes * kGigabyte);
}

}  // namespace

struct DiskCache::Kept {
  std::string path;
  std::uint64_t bytes;
  fs::file_time_type used;
};

DiskCache::DiskCache(std::string folder, std::uint64_t limit)
    : folder_(std::move(folder)), limit_(limit), opened_(fs::file_time_type::clock::now()) {}

DiskCache::~DiskCache() = default;

std::string DiskCache::path_of(const Piece& piece) const {
  const std::string key = piece.uri + '\n' + piece.version + '\n' + std::to_string(piece.offset) +
                          '\n' + std::to_string(piece.size);
  const std::string name = sha256(std::as_bytes(std::span(key)));
  return join(join(folder_, name.substr(0, 2)), name.substr(2));
}

bool DiskCache::contains(const Piece& piece) const {
  std::error_code ignored;
  return limit_ > 0 && !piece.version.empty() && fs::exists(path_of(piece), ignored);
}

std::optional<Bytes> DiskCache::find(const Piece& piece) {
  if (limit_ == 0 || piece.version.empty()) return std::nullopt;
  const std::string path = path_of(piece);
  Bytes file;
  try {
    file = map(path);
  } catch (const Error&) {
    return std::nullopt;
  }
  const std::size_t size = piece.size;
  const Trailer expected;
  Trailer trailer;
  if (file.size() == size + sizeof trailer) {
    std::memcpy(&trailer, file.data() + size, sizeof trailer);
    if (trailer.mark == expected.mark && trailer.crc32c == crc32c(file.span().first(size))) {
      touch(path);
      return file.part(0, size);
    }
  }
  drop(piece);
  return std::nullopt;
}

bool DiskCache::has_room(std::uint64_t size) {
  const std::scoped_lock lock(mutex_);
  return make_room(size + kOverhead);
}

bool DiskCache::keep(const Piece& piece, std::span<const std::byte> content) {
  if (limit_ == 0 || piece.version.empty() || content.size() != piece.size) return false;
  const std::uint64_t bytes = content.size() + kOverhead;
  {
    const std::scoped_lock lock(mutex_);
    if (!make_room(bytes)) return false;
    used_ += bytes;
  }
  const std::string path = path_of(piece), temporary = local::temporary_name(path);
  try {
    make_folder();
    local::make_folders_for(path);
    {
      Trailer trailer;
      trailer.crc32c = crc32c(content);
      // Not flushed: the checksum detects what did not reach the disk.
      const local::File file(temporary, O_WRONLY | O_CREAT | O_EXCL, "caching");
      file.write_all(content);
      file.write_all(std::as_bytes(std::span(&trailer, 1)));
    }
    fs::rename(temporary, path);
    return true;
  } catch (const std::exception&) {  // disk full, missing permissions
    std::error_code ignored;
    fs::remove(temporary, ignored);
    const std::scoped_lock lock(mutex_);
    used_ -= bytes;
    return false;
  }
}

void DiskCache::drop(const Piece& piece) {
  std::error_code ignored;
  if (!fs::remove(path_of(piece), ignored)) return;
  const std::scoped_lock lock(mutex_);
  if (looked_) used_ -= std::min(used_, piece.size + kOverhead);
}

// Its content may be private.
void DiskCache::make_folder() {
  std::error_code ignored;
  if (fs::create_directories(folder_, ignored)) {
    fs::permissions(folder_, fs::perms::owner_all, ignored);
  }
}

void DiskCache::look_around() {
  if (looked_) return;
  looked_ = true;
  std::error_code stop;
  for (fs::recursive_directory_iterator it(folder_, stop), end; !stop && it != end;
       it.increment(stop)) {
    std::error_code error;
    if (!it->is_regular_file(error) || error) continue;
    const std::uint64_t bytes = it->file_size(error) + kOverhead;
    const fs::file_time_type used = it->last_write_time(error);
    if (error) continue;
    used_ += bytes;
    unused_.push_back({it->path().string(), bytes, used});
  }
  std::sort(unused_.begin(), unused_.end(),
            [](const Kept& a, const Kept& b) { return a.used > b.used; });
}

bool DiskCache::make_room(std::uint64_t size) {
  look_around();
  while (used_ + size > limit_ && !unused_.empty()) {
    const Kept oldest = std::move(unused_.back());
    unused_.pop_back();
    std::error_code error;
    const fs::file_time_type used = fs::last_write_time(oldest.path, error);
    if (!error && used >= opened_) continue;  // used in the meantime
    fs::remove(oldest.path, error);
    used_ -= std::min(used_, oldest.bytes);
  }
  return used_ + size <= limit_;
}

DiskCache& disk_cache() {
  static DiskCache cache = [] {
    const std::string folder = default_folder();
    return DiskCache(folder, default_limit(folder));
  }();
  return cache;
}

}  // namespace oko::storage

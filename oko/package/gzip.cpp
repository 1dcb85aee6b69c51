#include "oko/package/gzip.h"

#include <zlib.h>

#include <algorithm>

#include "oko/base/error.h"

namespace oko::package {
namespace {

constexpr std::size_t kMember = std::size_t{1} << 20;
constexpr int kLevel = 6;
constexpr int kWindowBits = 15 + 16;  // of gzip, not of zlib
constexpr int kMemoryLevel = 8;
constexpr int kThreads = 16;

std::vector<std::byte> member_of(std::span<const std::byte> content) {
  z_stream stream{};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    throw Error(ErrorCode::kFailed, "", "zlib could not start");
  }
  // A fixed header: no time, no name, "Unix" as the system.
  gz_header header{};
  header.os = 3;
  deflateSetHeader(&stream, &header);
  std::vector<std::byte> member(deflateBound(&stream, content.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(content.data()));  // only read
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(member.data());
  stream.avail_out = static_cast<uInt>(member.size());
  const int result = deflate(&stream, Z_FINISH);
  member.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) throw Error(ErrorCode::kFailed, "", "zlib failed");
  return member;
}

}  // namespace

GzipWriter::GzipWriter(Sink sink)
    : sink_(std::move(sink)), pool_(std::min(available_processors(), kThreads)) {}

void GzipWriter::write(std::span<const std::byte> content) {
  const std::size_t most = 4 * kMember * static_cast<std::size_t>(pool_.size());
  while (!content.empty()) {
    const std::size_t n = std::min(content.size(), most - waiting_.size());
    waiting_.insert(waiting_.end(), content.begin(),
                    content.begin() + static_cast<std::ptrdiff_t>(n));
    content = content.subspan(n);
    if (waiting_.size() == most) flush();
  }
}

void GzipWriter::flush() {
  const std::size_t count = (waiting_.size() + kMember - 1) / kMember;
  std::vector<std::vector<std::byte>> members(count);
  pool_.parallel_for(count, [&](std::size_t i) {
    const std::span<const std::byte> all = waiting_;
    members[i] = member_of(all.subspan(i * kMember, std::min(kMember, all.size() - i * kMember)));
  });
  for (const auto& member : members) sink_(member);
  is_empty_ = is_empty_ && count == 0;
  waiting_.clear();
}

void GzipWriter::finish() {
  flush();
  if (is_empty_) sink_(member_of({}));
}

}  // namespace oko::package

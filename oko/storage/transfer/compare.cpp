#include "oko/storage/transfer/compare.h"

#include <algorithm>
#include <charconv>

#include "oko/storage/checksum.h"
#include "oko/storage/content_check.h"

namespace oko::storage {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

bool on_disk(const Entry& entry) { return is_local(entry.uri); }

// The ETag without its quotes; "" if it is not from S3.
std::string_view etag_of(const Entry& entry) {
  std::string_view text = entry.version;
  if (!entry.uri.starts_with("s3://")) return {};
  if (text.size() > 1 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

bool gives(std::uint64_t size, std::uint64_t part_size, int parts) {
  return parts > 0 && (size + part_size - 1) / part_size == static_cast<std::uint64_t>(parts);
}

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void read_all(const Entry& file, const Sink& sink) {
  read_to(file.uri, 0, kToTheEnd, file.version, sink);
}

std::uint32_t crc32c_of(const Entry& file) {
  std::uint32_t crc = 0;
  read_all(file, [&](std::span<const std::byte> piece) { crc = crc32c(piece, crc); });
  return crc;
}

std::string md5_of(const Entry& file) {
  Md5 md5;
  read_all(file, [&](std::span<const std::byte> piece) { md5.add(piece); });
  return hex(md5.finish());
}

// The ETag that a file on disk would have in parts of that size.
std::string etag_in_parts(const Entry& file, std::uint64_t part_size, int parts) {
  std::vector<std::byte> digests;
  std::optional<Md5> md5(std::in_place);
  std::uint64_t in_part = 0;
  const auto end_part = [&] {
    const auto digest = md5->finish();
    digests.insert(digests.end(), digest.begin(), digest.end());
    md5.emplace();
    in_part = 0;
  };
  read_all(file, [&](std::span<const std::byte> piece) {
    while (!piece.empty()) {
      const auto n =
          static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), part_size - in_part));
      md5->add(piece.first(n));
      in_part += n;
      piece = piece.subspan(n);
      if (in_part == part_size) end_part();
    }
  });
  if (in_part > 0) end_part();
  return md5_of_parts(digests) + "-" + std::to_string(parts);
}

bool same_as_on_disk(const Entry& file, const Entry& object) {
  if (object.crc32c) return crc32c_of(file) == *object.crc32c;
  if (const std::string md5 = likely_md5(object); !md5.empty()) return md5_of(file) == md5;
  const int parts = parts_in_etag(object);
  const auto sizes = likely_part_sizes(object.size, parts);
  return std::any_of(sizes.begin(), sizes.end(), [&](std::uint64_t part_size) {
    return etag_in_parts(file, part_size, parts) == etag_of(object);
  });
}

}  // namespace

int parts_in_etag(const Entry& entry) {
  const std::string_view etag = etag_of(entry);
  if (etag.size() < 34 || etag[32] != '-' || !is_hex(etag.substr(0, 32))) return 0;
  int parts = 0;
  const auto [end, error] = std::from_chars(etag.data() + 33, etag.data() + etag.size(), parts);
  return error == std::errc() && end == etag.data() + etag.size() ? parts : 0;
}

std::vector<std::uint64_t> likely_part_sizes(std::uint64_t size, int parts) {
  std::vector<std::uint64_t> likely;
  const auto try_mib = [&](std::uint64_t mib) {
    if (gives(size, mib * kMiB, parts)) likely.push_back(mib * kMiB);
  };
  for (const std::uint64_t mib : {8, 16, 5, 15, 10, 32, 25, 20}) try_mib(mib);
  if (!likely.empty()) return likely;
  for (std::uint64_t mib = 5; mib <= 32; ++mib) try_mib(mib);
  return likely;
}

std::optional<std::uint64_t> guess_part_size(std::uint64_t size, int parts, std::uint64_t usual) {
  if (gives(size, usual, parts)) return usual;
  const auto likely = likely_part_sizes(size, parts);
  return likely.empty() ? std::nullopt : std::optional(likely.front());
}

std::string likely_md5(const Entry& entry) {
  if (!entry.md5.empty()) return entry.md5;
  const std::string_view etag = etag_of(entry);
  return etag.size() == 32 && is_hex(etag) ? std::string(etag) : "";
}

bool same_content(const Entry& a, const Entry& b) {
  if (a.size != b.size) return false;
  if (a.size == 0) return true;
  if (on_disk(a) && on_disk(b)) return crc32c_of(a) == crc32c_of(b);
  if (on_disk(a)) return same_as_on_disk(a, b);
  if (on_disk(b)) return same_as_on_disk(b, a);
  if (a.crc32c && b.crc32c) return a.crc32c == b.crc32c;
  const std::string md5 = likely_md5(a);
  if (!md5.empty() && md5 == likely_md5(b)) return true;
  return parts_in_etag(a) > 0 && etag_of(a) == etag_of(b);
}

}  // namespace oko::storage

#include "oko/storage/tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "oko/base/ustar.h"
#include "oko/storage/checksum.h"

namespace oko::storage {
namespace {

constexpr std::array<char, 2 * kUstarBlock> kZeros{};

// "LENGTH KEY=VALUE\n", where LENGTH counts its own digits too.
std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (rest + fmt::formatted_size("{}", length) != length) {
    length = rest + fmt::formatted_size("{}", length);
  }
  return fmt::format("{} {}={}\n", length, key, value);
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// For readers that do not support pax headers.
std::string ascii_name(std::string_view name) {
  std::string plain(name.substr(0, kLongestUstarName));
  std::replace_if(
      plain.begin(), plain.end(), [](char c) { return c < ' ' || c > '~'; }, '_');
  return plain;
}

}  // namespace

std::string tar_header(std::string_view name, std::uint64_t size, const TarKind& kind) {
  assert(!name.empty() && name.find('\0') == std::string_view::npos);
  const bool is_link = !kind.link.empty();
  assert((!is_link && !kind.shared_folder) || size == 0);
  std::string records;
  if (name.size() > kLongestUstarName || !is_ascii(name)) records += pax_record("path", name);
  if (kind.link.size() > kLongestUstarName || !is_ascii(kind.link)) {
    records += pax_record("linkpath", kind.link);
  }
  if (size > kLargestUstarSize) records += pax_record("size", fmt::format("{}", size));
  const std::string plain = ascii_name(name);
  std::string header;
  if (!records.empty()) {
    header = ustar_block(
                 {.name = ascii_name("PaxHeaders/" + plain), .size = records.size(), .type = 'x'}) +
             records;
    header.resize(ustar_rounded_up(header.size()), '\0');
  }
  const char* mode = kind.shared_folder ? "0001777"
                     : is_link          ? "0000777"
                     : kind.executable  ? "0000755"
                                        : "0000644";
  const char type = kind.shared_folder ? '5' : is_link ? '2' : '0';
  return header + ustar_block({.name = plain,
                               .size = size > kLargestUstarSize ? 0 : size,
                               .type = type,
                               .mode = mode,
                               .link = ascii_name(kind.link)});
}

std::string_view tar_padding(std::uint64_t size) {
  return {kZeros.data(), static_cast<std::size_t>(ustar_rounded_up(size) - size)};
}

std::string_view tar_end() { return {kZeros.data(), kZeros.size()}; }

std::uint64_t tar_member_size(std::string_view name, std::uint64_t size) {
  return tar_header(name, size).size() + ustar_rounded_up(size);
}

void TarWriter::write(std::span<const std::byte> bytes) {
  file_->write(bytes);
  crc_ = storage::crc32c(bytes, crc_);
  size_ += bytes.size();
}

std::uint64_t TarWriter::add(std::string_view name, std::span<const std::byte> content) {
  const std::string header = tar_header(name, content.size());
  write(std::as_bytes(std::span(header)));
  const std::uint64_t offset = size_;
  write(content);
  write(std::as_bytes(std::span(tar_padding(size_))));
  return offset;
}

Entry TarWriter::finish() {
  write(std::as_bytes(std::span(tar_end())));
  return file_->finish();
}

}  // namespace oko::storage

#include "oko/storage/tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "oko/storage/checksum.h"

namespace oko::storage {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kLongestName = 100;
constexpr std::uint64_t kLargestSize = 077777777777;  // eleven octal digits
// 2000-01-01: GNU tar warns about implausibly old times.
constexpr std::uint64_t kTime = 946'684'800;

// Fields of a header block, by offset (POSIX.1-2001, pax, "ustar Interchange Format").
constexpr std::size_t kMode = 100, kUser = 108, kGroup = 116, kSize = 124, kModified = 136,
                      kChecksum = 148, kType = 156, kLink = 157, kMagic = 257;
constexpr std::array<char, 2 * kBlock> kZeros{};

std::uint64_t rounded_up(std::uint64_t size) { return (size + kBlock - 1) / kBlock * kBlock; }

void put(std::string& block, std::size_t offset, std::string_view text) {
  block.replace(offset, text.size(), text);
}

std::string header_block(std::string_view name, std::uint64_t size, char type,
                         const char* mode = "0000644") {
  std::string block(kBlock, '\0');
  put(block, 0, name.substr(0, kLongestName));
  put(block, kMode, mode);
  put(block, kUser, "0000000");
  put(block, kGroup, "0000000");
  put(block, kSize, fmt::format("{:011o}", size));
  put(block, kModified, fmt::format("{:011o}", kTime));
  put(block, kType, std::string_view(&type, 1));
  put(block, kMagic, std::string_view("ustar\00000", 8));
  return block;
}

// The block with its checksum, for which the field itself counts as blanks.
std::string summed(std::string block) {
  put(block, kChecksum, "        ");
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put(block, kChecksum, fmt::format("{:06o}", sum));
  block[kChecksum + 6] = '\0';
  return block;
}

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
  std::string plain(name.substr(0, kLongestName));
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
  if (name.size() > kLongestName || !is_ascii(name)) records += pax_record("path", name);
  if (kind.link.size() > kLongestName || !is_ascii(kind.link)) {
    records += pax_record("linkpath", kind.link);
  }
  if (size > kLargestSize) records += pax_record("size", fmt::format("{}", size));
  const std::string plain = ascii_name(name);
  std::string header;
  if (!records.empty()) {
    header = summed(header_block(ascii_name("PaxHeaders/" + plain), records.size(), 'x')) + records;
    header.resize(rounded_up(header.size()), '\0');
  }
  const char* mode = kind.shared_folder ? "0001777"
                     : is_link          ? "0000777"
                     : kind.executable  ? "0000755"
                                        : "0000644";
  const char type = kind.shared_folder ? '5' : is_link ? '2' : '0';
  std::string block = header_block(plain, size > kLargestSize ? 0 : size, type, mode);
  put(block, kLink, ascii_name(kind.link));
  return header + summed(std::move(block));
}

std::string_view tar_padding(std::uint64_t size) {
  return {kZeros.data(), static_cast<std::size_t>(rounded_up(size) - size)};
}

std::string_view tar_end() { return {kZeros.data(), kZeros.size()}; }

std::uint64_t tar_member_size(std::string_view name, std::uint64_t size) {
  return tar_header(name, size).size() + rounded_up(size);
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

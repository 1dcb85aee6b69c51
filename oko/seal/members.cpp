#include "oko/seal/members.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace oko::seal {
namespace {

constexpr std::size_t kEnd = 2 * kUstarBlock;  // zeros
constexpr std::size_t kSizeField = 124, kSizeDigits = 11;

// The comparison with the whole block finds what is wrong here.
std::uint64_t size_field(const std::vector<std::byte>& block) {
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < kSizeDigits; ++i) {
    size = size << 3 | (static_cast<std::uint64_t>(block[kSizeField + i]) & 7);
  }
  return size;
}

}  // namespace

bool MemberReader::is_next(std::string_view name) const {
  if (rest() < kUstarBlock) return false;
  const std::vector<std::byte> block = file_.read(at_, kUstarBlock);
  const std::string_view found(reinterpret_cast<const char*>(block.data()), kLongestUstarName);
  return found.substr(0, found.find('\0')) == name;
}

std::string MemberReader::text(std::string_view name, std::size_t longest) {
  std::string content(start(name, longest), '\0');
  file_.read(at_, std::as_writable_bytes(std::span(content)));
  finish(content.size());
  return content;
}

Source MemberReader::part(std::string_view name) {
  const std::size_t size = start(name, file_.size());
  const Source content = file_.part(at_, size);
  finish(size);
  return content;
}

void MemberReader::end() {
  if (rest() != kEnd) throw fault(std::string("is not the end of ") + kind_);
  zeros(kEnd);
}

// Moves to the content of the member and returns its size.
std::size_t MemberReader::start(std::string_view name, std::size_t longest) {
  if (rest() < kUstarBlock) throw fault("ends where " + std::string(name) + " starts");
  const std::vector<std::byte> found = file_.read(at_, kUstarBlock);
  const std::uint64_t size = size_field(found);
  const std::string block = ustar_block({.name = name, .size = size});
  if (!std::ranges::equal(found, std::as_bytes(std::span(block)))) {
    throw fault("is not the start of " + std::string(name) + " in " + kind_);
  }
  at_ += kUstarBlock;
  if (size > longest) throw fault(std::string(name) + " is too long");
  if (size > rest() || ustar_rounded_up(size) > rest()) {
    throw fault("ends within " + std::string(name));
  }
  return static_cast<std::size_t>(size);
}

void MemberReader::finish(std::size_t size) {
  at_ += size;
  zeros(static_cast<std::size_t>(ustar_rounded_up(size)) - size);
}

void MemberReader::zeros(std::size_t count) {
  const std::vector<std::byte> found = file_.read(at_, count);
  if (std::ranges::any_of(found, [](std::byte b) { return b != std::byte{0}; })) {
    throw fault("is not zero as it should be");
  }
  at_ += count;
}

Refused MemberReader::fault(std::string message) const {
  return {Refusal::kDamaged, name_ + "@" + std::to_string(at_), std::move(message),
          "the file is not one that oko seal wrote, or was changed since"};
}

void MemberWriter::add(std::string_view name, std::span<const std::byte> content) {
  const std::string block = ustar_block({.name = name, .size = content.size()});
  const auto bytes = std::as_bytes(std::span(block));
  file_.insert(file_.end(), bytes.begin(), bytes.end());
  file_.insert(file_.end(), content.begin(), content.end());
  file_.resize(static_cast<std::size_t>(ustar_rounded_up(file_.size())));
}

std::vector<std::byte> MemberWriter::end() {
  file_.resize(file_.size() + kEnd);
  return std::move(file_);
}

}  // namespace oko::seal

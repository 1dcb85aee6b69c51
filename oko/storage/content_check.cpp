#include "oko/storage/content_check.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "oko/storage/checksum.h"

namespace oko::storage {

struct ContentCheck::Digests {
  std::optional<Md5> current{std::in_place};
  std::uint64_t in_part = 0;
  std::vector<std::byte> parts;

  void end_part() {
    const auto digest = current->finish();
    parts.insert(parts.end(), digest.begin(), digest.end());
    current.emplace();
    in_part = 0;
  }
};

ContentCheck::ContentCheck(const Entry& entry) : entry_(entry) {
  if (!entry_.crc32c && !entry_.md5.empty()) digests_ = std::make_unique<Digests>();
}
ContentCheck::~ContentCheck() = default;

void ContentCheck::add(std::span<const std::byte> content) {
  size_ += content.size();
  if (entry_.crc32c) crc_ = crc32c(content, crc_);
  if (digests_) add_to_digests(content);
}

void ContentCheck::add_to_digests(std::span<const std::byte> content) {
  if (entry_.md5_part_size == 0) return digests_->current->add(content);
  while (!content.empty()) {
    const std::size_t n =
        std::min<std::uint64_t>(content.size(), entry_.md5_part_size - digests_->in_part);
    digests_->current->add(content.first(n));
    digests_->in_part += n;
    content = content.subspan(n);
    if (digests_->in_part == entry_.md5_part_size) digests_->end_part();
  }
}

std::string ContentCheck::wrong() {
  if (size_ != entry_.size) {
    return std::to_string(size_) + " bytes received instead of " + std::to_string(entry_.size);
  }
  if (entry_.crc32c && crc_ != *entry_.crc32c)
    return "the content's crc32c differs from the stored one";
  if (!digests_) return {};
  std::string found;
  if (entry_.md5_part_size == 0) {
    found = hex(digests_->current->finish());
  } else {
    if (digests_->in_part > 0) digests_->end_part();
    found = md5_of_parts(digests_->parts);
  }
  return found == entry_.md5 ? "" : "the content's MD5 differs from the stored one";
}

std::string md5_of_parts(std::span<const std::byte> digests) { return hex(md5(digests)); }

}  // namespace oko::storage

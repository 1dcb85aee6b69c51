#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "oko/storage/store.h"

namespace oko::storage {

// Compares content, as it comes from beginning to end, with what a store tells of it: its size,
// then its crc32c or else its MD5. Of one thread at a time.
class ContentCheck {
 public:
  explicit ContentCheck(const Entry& entry);
  ~ContentCheck();
  ContentCheck(const ContentCheck&) = delete;
  ContentCheck& operator=(const ContentCheck&) = delete;

  void add(std::span<const std::byte> content);
  // Once all is added: empty where nothing speaks against the content, else what does.
  std::string wrong();
  // False where the store tells no checksum: only the size is compared.
  bool has_checksum() const { return entry_.crc32c.has_value() || !entry_.md5.empty(); }

 private:
  struct Digests;
  void add_to_digests(std::span<const std::byte> content);

  Entry entry_;
  std::uint64_t size_ = 0;
  std::uint32_t crc_ = 0;
  std::unique_ptr<Digests> digests_;  // where MD5 is what there is
};

// The MD5 that S3 gives what was written in parts: that of the parts' MD5s one after another.
// `digests` are those of the parts, 16 bytes each.
std::string md5_of_parts(std::span<const std::byte> digests);

}  // namespace oko::storage

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "oko/storage/store.h"

namespace oko::storage {

// Compares content, streamed from start to end, with what a store reports: its size, then its
// crc32c or else its MD5. One thread at a time.
class ContentCheck {
 public:
  explicit ContentCheck(const Entry& entry);
  ~ContentCheck();
  ContentCheck(const ContentCheck&) = delete;
  ContentCheck& operator=(const ContentCheck&) = delete;

  void add(std::span<const std::byte> content);
  // After all content is added: empty if it matches, else the difference.
  std::string wrong();
  // False if the store reports no checksum: only the size is compared.
  bool has_checksum() const { return entry_.crc32c.has_value() || !entry_.md5.empty(); }

 private:
  struct Digests;
  void add_to_digests(std::span<const std::byte> content);

  Entry entry_;
  std::uint64_t size_ = 0;
  std::uint32_t crc_ = 0;
  std::unique_ptr<Digests> digests_;  // if only an MD5 is known
};

// S3's MD5 of a multipart object: that of the parts' concatenated MD5s.
// `digests` are those of the parts, 16 bytes each.
std::string md5_of_parts(std::span<const std::byte> digests);

}  // namespace oko::storage

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "oko/storage/store.h"

namespace oko::dataset {

// What stands before a member's content in a tar file: one block of 512 bytes as POSIX ustar has
// it, with a pax header in front where the name is longer than 100 bytes or not ASCII, or the size
// 8 GiB or more. Times and owners are the same for all, so that the same content gives the same
// file. The name is not empty and has no NUL.
std::string tar_header(std::string_view name, std::uint64_t size);

// Writes one tar file from beginning to end without holding it.
class TarWriter {
 public:
  explicit TarWriter(std::unique_ptr<storage::Upload> file) : file_(std::move(file)) {}

  // Adds a regular file and tells at which byte of the tar file its content begins.
  std::uint64_t add(std::string_view name, std::span<const std::byte> content);
  // Writes the end mark and makes the file visible.
  storage::Entry finish();

  std::uint64_t size() const { return size_; }   // bytes so far
  std::uint32_t crc32c() const { return crc_; }  // of them

 private:
  void write(std::span<const std::byte> bytes);
  void fill_block();

  std::unique_ptr<storage::Upload> file_;
  std::uint64_t size_ = 0;
  std::uint32_t crc_ = 0;
};

// Bytes that a member takes in a tar file beside others: header, content, filling.
std::uint64_t tar_member_size(std::string_view name, std::uint64_t size);

}  // namespace oko::dataset

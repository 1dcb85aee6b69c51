#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "oko/storage/store.h"

namespace oko::dataset {

// The header of a tar member: one POSIX ustar block of 512 bytes, preceded by a pax header if the
// name is longer than 100 bytes or not ASCII, or the size is 8 GiB or more. Times and owners are
// constant, so that the same content gives the same file. The name must not be empty or contain
// NUL.
std::string tar_header(std::string_view name, std::uint64_t size);

// Writes one tar file sequentially without keeping it in memory.
class TarWriter {
 public:
  explicit TarWriter(std::unique_ptr<storage::Upload> file) : file_(std::move(file)) {}

  // Adds a regular file and returns the offset of its content in the tar file.
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

// Bytes that a member takes in a tar file: header, content, padding.
std::uint64_t tar_member_size(std::string_view name, std::uint64_t size);

}  // namespace oko::dataset

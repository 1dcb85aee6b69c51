#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "oko/storage/store.h"

namespace oko::storage {

// A member of a tar file other than a plain file: a program, or, without content, a symbolic link
// or a folder that everybody may write to, like /tmp.
struct TarKind {
  bool executable = false;
  std::string link{};  // what a symbolic link refers to
  bool shared_folder = false;
};

// The header of a tar member: one POSIX ustar block of 512 bytes, preceded by a pax header if the
// name or link is longer than 100 bytes or not ASCII, or the size is 8 GiB or more. Times and
// owners are constant, so that the same content gives the same file. The name must not be empty or
// contain NUL.
std::string tar_header(std::string_view name, std::uint64_t size, const TarKind& kind = {});
// The zeros that follow a content of that size.
std::string_view tar_padding(std::uint64_t size);
// The end of a tar file.
std::string_view tar_end();

// Writes one tar file sequentially without keeping it in memory.
class TarWriter {
 public:
  explicit TarWriter(std::unique_ptr<Upload> file) : file_(std::move(file)) {}

  // Adds a regular file and returns the offset of its content in the tar file.
  std::uint64_t add(std::string_view name, std::span<const std::byte> content);
  // Writes the end mark and makes the file visible.
  Entry finish();

  std::uint64_t size() const { return size_; }   // bytes so far
  std::uint32_t crc32c() const { return crc_; }  // of them

 private:
  void write(std::span<const std::byte> bytes);

  std::unique_ptr<Upload> file_;
  std::uint64_t size_ = 0;
  std::uint32_t crc_ = 0;
};

// Bytes that a member takes in a tar file: header, content, padding.
std::uint64_t tar_member_size(std::string_view name, std::uint64_t size);

}  // namespace oko::storage

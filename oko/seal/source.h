#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace oko::seal {

// Bytes of a file that somebody may change while it is read. What is checked and what is used
// afterwards must be the same, so every byte is read once, into memory of our own.
class Source {
 public:
  // Reads all of `to` from `offset` on; throws if there is less.
  using ReadAt = std::function<void(std::size_t offset, std::span<std::byte> to)>;

  Source() = default;
  Source(std::size_t size, ReadAt read) : size_(size), read_(std::move(read)) {}
  // `bytes` must stay valid.
  explicit Source(std::span<const std::byte> bytes)
      : Source(bytes.size(), [bytes](std::size_t offset, std::span<std::byte> to) {
          std::ranges::copy(bytes.subspan(offset, to.size()), to.begin());
        }) {}

  std::size_t size() const { return size_; }
  // [offset, offset + to.size()) must be within size().
  void read(std::size_t offset, std::span<std::byte> to) const { read_(start_ + offset, to); }
  std::vector<std::byte> read(std::size_t offset, std::size_t count) const {
    std::vector<std::byte> bytes(count);
    read(offset, bytes);
    return bytes;
  }
  // The bytes [offset, offset + count), which must be within size().
  Source part(std::size_t offset, std::size_t count) const {
    Source source = *this;
    source.start_ += offset;
    source.size_ = count;
    return source;
  }

 private:
  std::size_t size_ = 0, start_ = 0;
  ReadAt read_;
};

}  // namespace oko::seal

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

static_assert(std::endian::native == std::endian::little,
              "model files are little-endian and are used in place");

namespace oko {

// Immutable bytes and their owner: a vector, a mapped file, or a part of either. Copies share the
// owner. Safe to read from several threads.
class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::vector<std::byte> data);
  explicit Bytes(std::string_view text);
  Bytes(std::shared_ptr<const void> owner, std::span<const std::byte> view)
      : owner_(std::move(owner)), view_(view) {}

  // Takes ownership of a vector of any trivial type.
  template <typename T>
  static Bytes own(std::vector<T> values) {
    auto owner = std::make_shared<const std::vector<T>>(std::move(values));
    return Bytes(owner, std::as_bytes(std::span(*owner)));
  }

  const std::byte* data() const { return view_.data(); }
  std::size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  std::span<const std::byte> span() const { return view_; }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(view_.data()), view_.size()};
  }
  // The bytes [offset, offset + count), sharing this owner. The range must be within bounds.
  Bytes part(std::size_t offset, std::size_t count) const {
    return Bytes(owner_, view_.subspan(offset, count));
  }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> view_;
};

// Reads little-endian values in sequence. Reading past the end throws an input Error that names the
// file, the byte and what was expected there.
class ByteReader {
 public:
  ByteReader(std::string name, Bytes bytes) : name_(std::move(name)), bytes_(std::move(bytes)) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }
  const std::string& name() const { return name_; }
  // "file@byte", for errors about what was just read.
  std::string place() const { return name_ + "@" + std::to_string(position_); }

  template <typename T>
  T read(std::string_view what) {
    T value;
    copy(&value, sizeof value, what);
    return value;
  }
  Bytes take(std::size_t count, std::string_view what);

 private:
  void copy(void* to, std::size_t count, std::string_view what);

  std::string name_;
  Bytes bytes_;
  std::size_t position_ = 0;
};

}  // namespace oko

#pragma once

#include <sodium.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace oko::seal {

// Bytes of a key, overwritten with zeros when they are no longer needed, also after an exception.
// It cannot be copied, so there is one place to overwrite.
template <std::size_t N>
class Wiped {
 public:
  Wiped() { bytes_.fill(0); }
  Wiped(Wiped&& other) noexcept : bytes_(other.bytes_) { other.wipe(); }
  Wiped& operator=(Wiped&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      other.wipe();
    }
    return *this;
  }
  ~Wiped() { wipe(); }

  static constexpr std::size_t size() { return N; }
  std::uint8_t* data() { return bytes_.data(); }
  const std::uint8_t* data() const { return bytes_.data(); }
  std::span<const std::byte> span() const { return std::as_bytes(std::span(bytes_)); }

 private:
  void wipe() noexcept { sodium_memzero(bytes_.data(), N); }

  std::array<std::uint8_t, N> bytes_;
};

using FileKey = Wiped<16>;  // what an age file's header wraps for each recipient

}  // namespace oko::seal

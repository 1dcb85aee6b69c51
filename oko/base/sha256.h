#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace oko {

// SHA-256 (FIPS 180-4), a piece at a time. Here for what phones build too, which have no OpenSSL;
// a desktop's storage::sha256() is faster.
class Sha256 {
 public:
  void add(std::span<const std::byte> bytes);
  std::string hex();  // 64 lower-case digits; nothing may be added afterwards

 private:
  static constexpr std::size_t kBlock = 64;
  void mix(const std::byte* block);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, kBlock> waiting_{};
  std::uint64_t size_ = 0;  // bytes added; the last size_ % kBlock of them are waiting
};

}  // namespace oko

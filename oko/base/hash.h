#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace oko {

// Four sums of FNV's kind side by side, 8 bytes each at a time: it must tell contents apart and see
// damage quickly, not withstand anyone. Files hold its values (docs/oko-file.md specifies it).
class Hash {
 public:
  void add(std::span<const std::byte> bytes) {
    constexpr std::size_t kWord = sizeof(std::uint64_t), kBlock = kLanes * kWord;
    std::size_t i = 0;
    for (; i + kBlock <= bytes.size(); i += kBlock) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + i + lane * kWord, kWord);
        mix(lanes_[lane], word);
      }
    }
    for (; i < bytes.size(); ++i) mix(lanes_[0], static_cast<std::uint64_t>(bytes[i]));
    mix(lanes_[1], bytes.size());
  }
  template <typename... T>
  void add_numbers(T... numbers) {
    const double all[] = {static_cast<double>(numbers)...};
    add(std::as_bytes(std::span(all)));
  }
  std::uint64_t value() const {
    std::uint64_t all = 0;
    for (const std::uint64_t lane : lanes_) mix(all, lane);
    return all;
  }

 private:
  static constexpr std::size_t kLanes = 4;
  static void mix(std::uint64_t& hash, std::uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 32;
  }
  std::uint64_t lanes_[kLanes] = {1, 2, 3, 4};
};

}  // namespace oko

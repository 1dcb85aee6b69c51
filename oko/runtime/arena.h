#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace oko::runtime {

// A buffer that is needed from step `first` to step `last`, both included.
struct Life {
  std::uint64_t bytes = 0;  // 64 bits even on 32-bit systems: a file may ask for anything
  int first = std::numeric_limits<int>::max(), last = -1;
  std::uint64_t offset = 0;
};

// Gives every buffer an offset, a multiple of kAlignment, so that no two with overlapping lifetimes
// share memory: largest first, each at the lowest free offset. Returns the total size in bytes.
std::uint64_t place_lives(std::vector<Life>& lives);

}  // namespace oko::runtime

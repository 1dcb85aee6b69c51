#pragma once

#include <cstddef>
#include <limits>
#include <vector>

namespace oko::runtime {

// A buffer that is needed from step `first` to step `last`, both included.
struct Life {
  std::size_t bytes = 0;
  int first = std::numeric_limits<int>::max(), last = -1;
  std::size_t offset = 0;
};

// Gives every buffer an offset, a multiple of kAlignment, so that no two that live at one time
// overlap: largest first, each at the lowest place that is free. Returns the bytes of all together.
std::size_t place_lives(std::vector<Life>& lives);

}  // namespace oko::runtime

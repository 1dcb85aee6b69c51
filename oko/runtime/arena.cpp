#include "oko/runtime/arena.h"

#include <algorithm>
#include <numeric>

#include "oko/runtime/kernels.h"

namespace oko::runtime {

std::uint64_t place_lives(std::vector<Life>& lives) {
  std::vector<std::size_t> order(lives.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return lives[a].bytes > lives[b].bytes; });
  std::uint64_t total = 0;
  std::vector<const Life*> placed;  // by offset
  for (const std::size_t index : order) {
    Life& life = lives[index];
    std::uint64_t offset = 0;
    for (const Life* other : placed) {
      if (other->last < life.first || life.last < other->first) continue;
      if (offset + life.bytes <= other->offset) break;
      const std::uint64_t end = other->offset + other->bytes;
      offset = std::max(offset, aligned(end));
    }
    life.offset = offset;
    total = std::max(total, offset + life.bytes);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), &life,
                         [](const Life* a, const Life* b) { return a->offset < b->offset; }),
        &life);
  }
  return total;
}

}  // namespace oko::runtime

#include "oko/formats/spaced_pixels.h"

#include <algorithm>

namespace oko::formats {

bool SpacedPixels::take(std::size_t axis, std::int64_t begin, std::int64_t end,
                        std::int64_t step_by, std::int64_t side) {
  constexpr std::int64_t kMostSteps = 1024;
  if (step_by < 1 || step_by > kMostSteps || begin < 0 || begin >= step_by || end < side ||
      step[axis] != 1) {
    return false;
  }
  first[axis] = static_cast<int>(begin);
  step[axis] = static_cast<int>(step_by);
  return true;
}

std::optional<graph::SpaceToDepth> squares_of(std::span<const SpacedPixels> parts) {
  using Order = graph::SpaceToDepth::Order;
  const int block = parts.empty() ? 0 : parts[0].step[0];
  if (block < 1 || std::ssize(parts) != std::int64_t{block} * block) return {};
  for (const Order order : {Order::kRows, Order::kColumns}) {
    bool fits = true;
    for (int i = 0; i < std::ssize(parts); ++i) {
      SpacedPixels wanted{parts[0].from, {i / block, i % block}, {block, block}};
      if (order == Order::kColumns) std::swap(wanted.first[0], wanted.first[1]);
      fits &= parts[i].from == wanted.from && parts[i].first == wanted.first &&
              parts[i].step == wanted.step;
    }
    if (fits) return graph::SpaceToDepth{block, order};
  }
  return {};
}

}  // namespace oko::formats

#include <algorithm>

#include "oko/image/row_kernels.h"

namespace oko::image {
namespace {

using Group = std::array<Tap, Gather::kGroup>;
constexpr std::uint8_t kElsewhere = 0x80;

// 16 bytes of the row and the taps taken from them.
struct Load {
  int offset = 0;
  std::array<std::uint8_t, Gather::kBlock> shuffle{};
};

// The fewest loads that cover all taps: each starts at the lowest tap not covered by earlier ones.
std::vector<Load> loads_of(const Group& group, int last_offset) {
  std::vector<Load> loads;
  std::array<bool, Gather::kGroup> held{};
  for (;;) {
    int lowest = -1;
    for (std::size_t i = 0; i < group.size(); ++i) {
      if (!held[i] && (lowest < 0 || group[i].first < lowest)) lowest = group[i].first;
    }
    if (lowest < 0) return loads;
    Load& load = loads.emplace_back();
    load.offset = std::min(lowest, last_offset);
    load.shuffle.fill(kElsewhere);
    for (std::size_t i = 0; i < group.size(); ++i) {
      const Tap& tap = group[i];
      if (held[i] || tap.second >= load.offset + Gather::kBlock) continue;
      load.shuffle[i] = static_cast<std::uint8_t>(tap.first - load.offset);
      load.shuffle[i + Gather::kGroup] = static_cast<std::uint8_t>(tap.second - load.offset);
      held[i] = true;
    }
  }
}

}  // namespace

Gather make_gather(std::span<const Tap> taps, int source, int step) {
  const int bytes = (source - 1) * step + 1;
  const int last_offset = std::max(bytes, Gather::kShortestRow) - Gather::kBlock;
  const std::size_t pairs = (taps.size() + 2 * Gather::kGroup - 1) / (2 * Gather::kGroup);
  std::vector<std::vector<Load>> groups(2 * pairs);
  Gather gather;
  gather.groups = static_cast<int>(groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    Group group;
    for (std::size_t i = 0; i < group.size(); ++i) {
      const Tap& tap = taps[std::min(g * Gather::kGroup + i, taps.size() - 1)];
      group[i] = {tap.first * step, tap.second * step, tap.weight};
      gather.weights.push_back(group[i].weight);
    }
    groups[g] = loads_of(group, last_offset);
    gather.loads = std::max(gather.loads, static_cast<int>(groups[g].size()));
  }
  Load nothing;
  nothing.shuffle.fill(kElsewhere);
  for (auto& loads : groups) {
    loads.resize(static_cast<std::size_t>(gather.loads), nothing);
    for (const Load& load : loads) {
      gather.offsets.push_back(load.offset);
      gather.shuffles.insert(gather.shuffles.end(), load.shuffle.begin(), load.shuffle.end());
    }
  }
  return gather;
}

}  // namespace oko::image

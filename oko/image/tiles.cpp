#include "oko/image/tiles.h"

#include <algorithm>
#include <cmath>

namespace oko::image {
namespace {

struct Stretch {
  int start = 0, length = 0;
};

// Along one side.
std::vector<Stretch> stretches_of(int start, int length, int count) {
  count = std::clamp(count, 1, std::max(1, length));
  const double tiles = count - (count - 1) * double{kTileOverlap};
  const int side = std::min(length, static_cast<int>(std::ceil(length / tiles)));
  std::vector<Stretch> stretches;
  for (int i = 0; i < count; ++i) {
    const int offset = count == 1 ? 0 : (length - side) * i / (count - 1);
    stretches.push_back({start + offset, side});
  }
  return stretches;
}

}  // namespace

std::vector<Region> tiles_of(const Region& region, int count) {
  std::vector<Region> tiles;
  for (const Stretch& y : stretches_of(region.top, region.height, count)) {
    for (const Stretch& x : stretches_of(region.left, region.width, count)) {
      tiles.push_back({x.start, y.start, x.length, y.length});
    }
  }
  return tiles;
}

}  // namespace oko::image

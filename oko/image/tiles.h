#pragma once

#include <vector>

#include "oko/image/geometry.h"

namespace oko::image {

// Small objects are lost when a large image is shrunk to the network's input. Cut into tiles, each
// of which fills the input by itself, they stay larger.

inline constexpr int kMostTiles = 16;        // in a row
inline constexpr float kTileOverlap = .25F;  // of a tile's side, shared with the next one

// count × count tiles of one size that cover the region, row by row. Neighbours overlap by
// kTileOverlap or a little more, so an object smaller than that is whole in one of them. A side
// shorter than `count` pixels has as many tiles as pixels.
std::vector<Region> tiles_of(const Region& region, int count);

}  // namespace oko::image

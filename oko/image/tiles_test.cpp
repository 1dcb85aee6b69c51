#include "oko/image/tiles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace oko::image {
namespace {

TEST(Tiles, CoverTheRegionAndOverlap) {
  for (const Region region :
       {Region{0, 0, 640, 480}, Region{7, 5, 101, 33}, Region{0, 0, 4000, 3}}) {
    for (int count : {2, 3, 5, 16}) {
      const std::vector<Region> tiles = tiles_of(region, count);
      std::vector<int> covered(static_cast<std::size_t>(region.width) *
                               static_cast<std::size_t>(region.height));
      for (const Region& tile : tiles) {
        EXPECT_EQ(tile.width, tiles[0].width);
        EXPECT_EQ(tile.height, tiles[0].height);
        for (int y = tile.top; y < tile.top + tile.height; ++y) {
          for (int x = tile.left; x < tile.left + tile.width; ++x) {
            ++covered.at(
                static_cast<std::size_t>((y - region.top) * region.width + x - region.left));
          }
        }
      }
      EXPECT_EQ(std::count(covered.begin(), covered.end(), 0), 0) << count;
    }
  }
  const std::vector<Region> tiles = tiles_of({10, 20, 700, 350}, 2);
  ASSERT_EQ(tiles.size(), 4U);
  EXPECT_EQ(tiles[0], (Region{10, 20, 400, 200}));
  EXPECT_EQ(tiles[3], (Region{310, 170, 400, 200}));  // shares a quarter with its neighbours
}

TEST(Tiles, OfOneAreTheRegionItself) {
  EXPECT_EQ(tiles_of({1, 2, 30, 40}, 1), (std::vector<Region>{{1, 2, 30, 40}}));
}

TEST(Tiles, AreNeverEmpty) {
  for (const Region& tile : tiles_of({0, 0, 3, 1}, 16)) {
    EXPECT_GE(tile.width, 1);
    EXPECT_GE(tile.height, 1);
    EXPECT_LE(tile.left + tile.width, 3);
  }
  EXPECT_EQ(tiles_of({0, 0, 3, 1}, 16).size(), 3U);
}

}  // namespace
}  // namespace oko::image

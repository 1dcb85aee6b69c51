#include "oko/runtime/arena.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "oko/base/random.h"
#include "oko/runtime/kernels.h"

namespace oko::runtime {
namespace {

Life life(std::size_t bytes, int first, int last) { return {bytes, first, last, 0}; }

TEST(Arena, OverlappingLifetimesShareNoBytes) {
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<Life> lives;
    const int count = 1 + static_cast<int>(random.below(40));
    for (int i = 0; i < count; ++i) {
      const int first = static_cast<int>(random.below(30));
      lives.push_back(
          life(1 + random.below(5000), first, first + static_cast<int>(random.below(8))));
    }
    const std::uint64_t total = place_lives(lives);
    std::uint64_t end = 0;
    for (std::size_t a = 0; a < lives.size(); ++a) {
      EXPECT_EQ(lives[a].offset % kAlignment, 0U);
      end = std::max(end, lives[a].offset + lives[a].bytes);
      for (std::size_t b = 0; b < a; ++b) {
        const bool together = lives[a].first <= lives[b].last && lives[b].first <= lives[a].last;
        const bool apart = lives[a].offset + lives[a].bytes <= lives[b].offset ||
                           lives[b].offset + lives[b].bytes <= lives[a].offset;
        EXPECT_TRUE(!together || apart) << "round " << round << ": " << a << " and " << b;
      }
    }
    EXPECT_EQ(total, end);
  }
}

TEST(Arena, AChainNeedsItsTwoLargestNeighbours) {
  std::vector<Life> lives{life(640, 0, 1), life(1280, 1, 2), life(1920, 2, 3), life(64, 3, 4),
                          life(1920, 4, 5)};
  EXPECT_EQ(place_lives(lives), 1280U + 1920U);
}

TEST(Arena, ConsecutiveBuffersShareAllBytes) {
  std::vector<Life> lives{life(100, 0, 0), life(5000, 1, 1), life(70, 2, 9)};
  EXPECT_EQ(place_lives(lives), 5000U);
}

TEST(Arena, AGapBetweenLongLivesIsUsed) {
  std::vector<Life> lives{life(6400, 0, 9), life(3200, 0, 3), life(1600, 0, 9), life(3200, 5, 9)};
  EXPECT_EQ(place_lives(lives), 6400U + 3200U + 1600U);
}

TEST(Arena, AnUnusedBufferCostsNothing) {
  std::vector<Life> lives{life(640, 0, 3), Life{320}, life(640, 4, 5)};
  EXPECT_EQ(place_lives(lives), 640U);
}

TEST(Arena, NothingNeedsNothing) {
  std::vector<Life> lives;
  EXPECT_EQ(place_lives(lives), 0U);
}

}  // namespace
}  // namespace oko::runtime

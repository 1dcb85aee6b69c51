#include "oko/track/assignment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "oko/base/random.h"

namespace oko::track {
namespace {

// The lowest sum over all ways to match, by trying them.
double lowest(const std::vector<float>& costs, int rows, int columns, float limit, int row,
              std::vector<bool>& taken) {
  if (row == rows) return 0;
  double best = lowest(costs, rows, columns, limit, row + 1, taken);
  for (int c = 0; c < columns; ++c) {
    const float cost = costs[static_cast<std::size_t>(row * columns + c)];
    if (taken[static_cast<std::size_t>(c)] || !(cost < limit)) continue;
    taken[static_cast<std::size_t>(c)] = true;
    best =
        std::min(best, double{cost} - limit + lowest(costs, rows, columns, limit, row + 1, taken));
    taken[static_cast<std::size_t>(c)] = false;
  }
  return best;
}

TEST(Assignment, FindsTheLowestSum) {
  Random random(3);
  Assignment assignment;
  for (int round = 0; round < 2000; ++round) {
    const int rows = static_cast<int>(random.below(6)), columns = static_cast<int>(random.below(6));
    const float limit = static_cast<float>(random.uniform(.2, 1.2));
    std::vector<float> costs;
    for (int i = 0; i < rows * columns; ++i) {
      // Ties and pairs that cannot be are frequent, as they are between boxes.
      costs.push_back(random.chance(.3) ? 1.F : static_cast<float>(random.below(11)) / 10);
    }
    const auto chosen = assignment.solve(costs, rows, columns, limit);
    ASSERT_EQ(chosen.size(), static_cast<std::size_t>(rows));
    std::vector<bool> taken(static_cast<std::size_t>(columns));
    double sum = 0;
    for (int row = 0; row < rows; ++row) {
      const int column = chosen[static_cast<std::size_t>(row)];
      if (column < 0) continue;
      ASSERT_LT(column, columns);
      ASSERT_FALSE(taken[static_cast<std::size_t>(column)]);
      taken[static_cast<std::size_t>(column)] = true;
      const float cost = costs[static_cast<std::size_t>(row * columns + column)];
      ASSERT_LT(cost, limit);
      sum += double{cost} - limit;
    }
    std::vector<bool> none(static_cast<std::size_t>(columns));
    EXPECT_NEAR(sum, lowest(costs, rows, columns, limit, 0, none), 1e-5) << "round " << round;
  }
}

TEST(Assignment, GivesUpANearPairForTwoThatFit) {
  Assignment assignment;
  // The first row is nearest to the only column that the second one can have.
  const std::vector<float> costs = {.1F, .3F, .2F, 9.F};
  const auto chosen = assignment.solve(costs, 2, 2, 1);
  EXPECT_EQ(std::vector<int>(chosen.begin(), chosen.end()), (std::vector<int>{1, 0}));
}

}  // namespace
}  // namespace oko::track

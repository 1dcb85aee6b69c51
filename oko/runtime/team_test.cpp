#include "oko/runtime/team.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace oko::runtime {
namespace {

TEST(Team, RunsEveryTaskOnceWithValidThreadIndexes) {
  for (int size = 1; size <= 8; ++size) {
    Team team(size);
    EXPECT_GE(team.size(), 1);
    EXPECT_LE(team.size(), size);
    for (const int count : {0, 1, 2, size, 3 * size + 1, 100}) {
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(count));
      std::atomic<bool> in_range{true};
      team.run(count, [&](int task, int thread) {
        ++done[task];
        if (thread < 0 || thread >= team.size()) in_range = false;
      });
      EXPECT_TRUE(std::all_of(done.begin(), done.end(), [](const auto& n) { return n == 1; }));
      EXPECT_TRUE(in_range);
    }
  }
}

TEST(Team, ARoundSeesWhatThePreviousOneWrote) {
  Team team(3);
  std::array<int, 64> values, next;
  values.fill(1);
  for (int round = 0; round < 300; ++round) {
    team.run(64, [&](int task, int) {
      const auto i = static_cast<std::size_t>(task);
      next[i] = (values[i] + values[(i + 1) % 64]) % 1000003;
    });
    team.run(64, [&](int task, int) {
      const auto i = static_cast<std::size_t>(task);
      values[i] = next[i];
    });
  }
  std::array<int, 64> expected, other;
  expected.fill(1);
  for (int round = 0; round < 300; ++round) {
    for (std::size_t i = 0; i < 64; ++i)
      other[i] = (expected[i] + expected[(i + 1) % 64]) % 1000003;
    expected = other;
  }
  EXPECT_EQ(values, expected);
}

// Per-thread scratch memory requires that tasks of one thread never overlap in time.
TEST(Team, AThreadRunsOneTaskAtATime) {
  Team team(4);
  std::vector<std::atomic<int>> inside(static_cast<std::size_t>(team.size()));
  std::atomic<bool> alone{true};
  for (int round = 0; round < 50; ++round) {
    team.run(40, [&](int, int thread) {
      auto& mine = inside[thread];
      if (++mine != 1) alone = false;
      --mine;
    });
  }
  EXPECT_TRUE(alone);
}

#if !defined(__EMSCRIPTEN__)
TEST(Team, WakesFromSleepAndCanBeDestroyedAsleep) {
  Team team(3);
  std::atomic<int> done{0};
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    team.run(10, [&](int, int) { ++done; });
  }
  EXPECT_EQ(done, 30);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
}  // here it is destroyed

TEST(Team, CanBeDestroyedRightAfterItsStart) {
  for (int i = 0; i < 20; ++i) {
    Team idle(4);
    Team busy(2);
    std::atomic<int> done{0};
    busy.run(3, [&](int, int) { ++done; });
    EXPECT_EQ(done, 3);
  }
}
#endif

}  // namespace
}  // namespace oko::runtime

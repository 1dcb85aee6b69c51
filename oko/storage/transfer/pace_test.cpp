#include <gtest/gtest.h>

#include "oko/storage/transfer/workers.h"

namespace oko::storage {
namespace {

// The rate of a server with a limited number of connections.
double rate_of(const Pace& pace, int useful) { return std::min(pace.limit(), useful); }

TEST(Pace, FindsTheUsefulNumberOfConnections) {
  Pace pace(4, 64);
  int most = 0;
  for (int i = 0; i < 40; ++i) {
    pace.measured(rate_of(pace, 20), true, false);
    most = std::max(most, pace.limit());
  }
  EXPECT_GE(pace.limit(), 18);
  EXPECT_LE(most, 45);
}

TEST(Pace, BacksOffWhenTheStoreThrottles) {
  Pace pace(16, 64);
  pace.measured(10, true, true);
  EXPECT_EQ(pace.limit(), 12);
  for (int i = 0; i < 200; ++i) pace.measured(10, true, true);
  EXPECT_LE(pace.limit(), 6);
  EXPECT_GE(pace.limit(), 4);
}

TEST(Pace, DoesNotGrowIfConnectionsAreIdle) {
  Pace pace(8, 64);
  for (int i = 0; i < 20; ++i) pace.measured(100, false, false);
  EXPECT_EQ(pace.limit(), 8);
}

TEST(Workers, StayWithinTheirMemoryLimit) {
  Workers workers(8, 100);
  std::atomic<int> held{0}, most{0}, ran{0};
  for (int i = 0; i < 200; ++i) {
    workers.post({40,
                  [&](const Workers::Lease&) {
                    most = std::max(most.load(), held += 40);
                    ++ran;
                    held -= 40;
                  }},
                 [] {});
  }
  workers.wait([] {});
  EXPECT_EQ(ran, 200);
  EXPECT_LE(most, 100);
}

TEST(Workers, RunATaskThatNeedsMoreThanTheLimit) {
  Workers workers(2, 10);
  std::atomic<bool> ran{false};
  workers.post({1000, [&](const Workers::Lease&) { ran = true; }}, [] {});
  workers.wait([] {});
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace oko::storage

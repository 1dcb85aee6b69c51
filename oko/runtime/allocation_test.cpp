// Runs consecutive camera frames: none may allocate.
#include <gtest/gtest.h>

#include "oko/base/test_allocations.h"
#include "oko/runtime/executor.h"
#include "oko/runtime/quantize.h"
#include "oko/runtime/test_networks.h"

namespace oko::runtime {
namespace {

TEST(Executor, AllocatesNothingWhileRunning) {
  for (const auto& [name, plain] : fused_networks()) {
    graph::Network network = plain;
    const std::vector<std::vector<std::uint8_t>> pictures{
        std::vector<std::uint8_t>(static_cast<std::size_t>(network.input.count()), 99)};
    quantize(network, pictures, {}, [] {});
    for (const Precision precision : {Precision::kFloat32, Precision::kInt8}) {
      const auto model = Model::make(network, {precision, tested_targets().front()});
      for (const int threads : {1, 3}) {
        Executor executor(model, threads);
        const long before = allocations;
        for (int run = 0; run < 2; ++run) executor.run();
        EXPECT_EQ(allocations, before) << name << ", " << word_of(precision);
      }
    }
  }
  EXPECT_GT(allocations, 0);
}

}  // namespace
}  // namespace oko::runtime

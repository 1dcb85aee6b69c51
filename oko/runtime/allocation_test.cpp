// A camera's frames are run one after another: none may allocate. This file counts what the whole
// program allocates.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "oko/runtime/executor.h"
#include "oko/runtime/quantize.h"
#include "oko/runtime/test_networks.h"

namespace {

std::atomic<long> allocations = 0;

void* counted(void* memory) {
  ++allocations;
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

// Not inlined, or the compiler takes malloc and free for a mismatched pair.
[[gnu::noinline]] void* operator new(std::size_t size) {
  return counted(std::malloc(size > 0 ? size : 1));
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto step = static_cast<std::size_t>(alignment);
  return counted(std::aligned_alloc(step, (size + step - 1) / step * step));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

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
        EXPECT_EQ(allocations, before) << name << ", " << name_of(precision);
      }
    }
  }
  EXPECT_GT(allocations, 0);
}

}  // namespace
}  // namespace oko::runtime

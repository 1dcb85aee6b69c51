// A camera's frames are all alike: only the first one may allocate. This file counts what the whole
// program allocates.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "oko/image/letterbox.h"
#include "oko/image/test_frames.h"

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

namespace oko::image {
namespace {

TEST(Letterboxer, AllocatesNothingForFramesThatAreAlike) {
  constexpr Size kInput{48, 48};
  std::vector<float> values(3 * 48 * 48);
  const InputView view{values.data(), kInput.width, kInput.width * kInput.height};
  for (const SimdTarget target : simd_targets()) {
    for (const Layout& layout : all_layouts()) {
      const TestFrame first(layout, {90, 60}, 1), second(layout, {90, 60}, 2);
      for (const Rotation rotation : {Rotation::k0, Rotation::k90}) {
        Frame frames[] = {first.frame(), second.frame()};
        for (Frame& frame : frames) frame.rotation = rotation;
        Letterboxer letterboxer(target);
        letterboxer.fill(frames[0], kInput, {}, view);
        const long before = allocations;
        for (const Frame& frame : frames) letterboxer.fill(frame, kInput, {}, view);
        EXPECT_EQ(allocations, before) << layout.name;
      }
    }
  }
  EXPECT_GT(allocations, 0);
}

}  // namespace
}  // namespace oko::image

// A camera's frames all have one geometry: only the first one may allocate.
#include <gtest/gtest.h>

#include <vector>

#include "oko/base/test_allocations.h"
#include "oko/image/letterbox.h"
#include "oko/image/test_frames.h"

namespace oko::image {
namespace {

TEST(Letterboxer, AllocatesNothingForFramesOfTheSameGeometry) {
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

#include "oko/train/giou.h"

#include <gtest/gtest.h>

#include <vector>

namespace oko::train {
namespace {

const image::Box kTruth{2, 3, 8, 9};
// Overlapping in each corner, inside, around, beside, far away, turned inside out.
const std::vector<image::Box> kPredictions{{1, 1, 5, 6},     {4, 5, 10, 12}, {5, 1, 11, 5},
                                           {3, 4, 7, 8},     {0, 1, 10, 12}, {9, 4, 12, 8},
                                           {20, 30, 24, 33}, {6, 7, 4, 5}};

TEST(Giou, IsOneForEqualBoxesAndNegativeForDistantOnes) {
  EXPECT_NEAR(giou_gradient(kTruth, kTruth).value, 1, 1e-8);
  EXPECT_NEAR(giou_gradient(kTruth, kTruth).iou, 1, 1e-8);
  // 3 x 3 shared of 20 + 36 - 9; 7 x 8 around.
  EXPECT_NEAR(giou_gradient({1, 1, 5, 6}, kTruth).value, 9. / 47 - (56. - 47) / 56, 1e-8);
  EXPECT_LT(giou_gradient({20, 30, 24, 33}, kTruth).value, -.8);
}

TEST(Giou, SlopesMatchCentralDifferences) {
  constexpr float kStep = 1.F / 256;
  for (const image::Box& p : kPredictions) {
    const SidesGradient gradient = giou_gradient(p, kTruth);
    float image::Box::*const sides[] = {&image::Box::left, &image::Box::top, &image::Box::right,
                                        &image::Box::bottom};
    for (std::size_t i = 0; i < 4; ++i) {
      image::Box above = p, below = p;
      above.*sides[i] += kStep;
      below.*sides[i] -= kStep;
      const double slope =
          (giou_gradient(above, kTruth).value - giou_gradient(below, kTruth).value) / (2 * kStep);
      EXPECT_NEAR(gradient.slope[i], slope, 1e-3) << i << " of " << p.left;
    }
  }
}

}  // namespace
}  // namespace oko::train

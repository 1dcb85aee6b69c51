#include "oko/train/ciou.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace oko::train {
namespace {

double iou_of(const CentredBox& a, const CentredBox& b) {
  const double w = std::min(a.x + a.w / 2, b.x + b.w / 2) - std::max(a.x - a.w / 2, b.x - b.w / 2);
  const double h = std::min(a.y + a.h / 2, b.y + b.h / 2) - std::max(a.y - a.h / 2, b.y - b.h / 2);
  const double shared = std::max(0., w) * std::max(0., h);
  return shared / (a.w * a.h + b.w * b.h - shared);
}

double aspect_term(const CentredBox& p, const CentredBox& t) {
  const double angle = std::atan(t.w / t.h) - std::atan(p.w / p.h);
  return 4 / (std::numbers::pi * std::numbers::pi) * angle * angle;
}

// The published formula with α as a parameter, since its gradient holds α constant.
double ciou_of(const CentredBox& p, const CentredBox& t, double alpha) {
  const double w = std::max(p.x + p.w / 2, t.x + t.w / 2) - std::min(p.x - p.w / 2, t.x - t.w / 2);
  const double h = std::max(p.y + p.h / 2, t.y + t.h / 2) - std::min(p.y - p.h / 2, t.y - t.h / 2);
  const double distance = (p.x - t.x) * (p.x - t.x) + (p.y - t.y) * (p.y - t.y);
  return iou_of(p, t) - distance / (w * w + h * h) - alpha * aspect_term(p, t);
}

double alpha_of(const CentredBox& p, const CentredBox& t) {
  const double v = aspect_term(p, t);
  return v / (1 - iou_of(p, t) + v);
}

const CentredBox kTruth{.5, .45, .3, .2};

// Overlapping in each corner, inside, around, beside, far away.
const std::vector<CentredBox> kPredictions{
    {.55, .51, .25, .3}, {.42, .4, .4, .11},   {.5, .46, .1, .05},  {.51, .44, .6, .7},
    {.9, .46, .2, .23},  {.11, .12, .05, .15}, {.52, .9, .32, .21}, {.45, .52, .31, .19}};

TEST(Ciou, ValueMatchesThePublishedFormula) {
  for (const CentredBox& p : kPredictions) {
    EXPECT_NEAR(ciou_gradient(p, kTruth).value, ciou_of(p, kTruth, alpha_of(p, kTruth)), 1e-9);
  }
}

TEST(Ciou, SlopesMatchCentralDifferences) {
  constexpr double kStep = 1e-6;
  for (const CentredBox& p : kPredictions) {
    const BoxGradient gradient = ciou_gradient(p, kTruth);
    const double alpha = alpha_of(p, kTruth);
    double CentredBox::*const parts[] = {&CentredBox::x, &CentredBox::y, &CentredBox::w,
                                         &CentredBox::h};
    for (std::size_t i = 0; i < 4; ++i) {
      CentredBox above = p, below = p;
      above.*parts[i] += kStep;
      below.*parts[i] -= kStep;
      const double slope =
          (ciou_of(above, kTruth, alpha) - ciou_of(below, kTruth, alpha)) / (2 * kStep);
      EXPECT_NEAR(gradient.slope[i], slope, 1e-6 * std::max(1., std::abs(slope)))
          << "part " << i << " of the box at " << p.x << ", " << p.y;
    }
  }
}

TEST(Ciou, EqualBoxesGiveOne) { EXPECT_NEAR(ciou_gradient(kTruth, kTruth).value, 1, 1e-9); }

TEST(Ciou, ConcentricBoxesOfTheSameShapeGiveTheirIoU) {
  EXPECT_NEAR(ciou_gradient({.5, .45, .15, .1}, kTruth).value, .25, 1e-9);
}

TEST(Ciou, DisjointBoxesAreNegativeAndAttractEachOther) {
  const BoxGradient right = ciou_gradient({.9, .45, .2, .2}, kTruth);
  EXPECT_LT(right.value, 0);
  EXPECT_GT(right.value, -2);
  EXPECT_LT(right.slope[0], 0);  // a smaller x is nearer
  EXPECT_NEAR(right.slope[1], 0, 1e-9);
  EXPECT_GT(ciou_gradient({.5, .05, .1, .1}, kTruth).slope[1], 0);
}

TEST(Ciou, EmptyBoxesStayFinite) {
  for (const CentredBox& truth : {kTruth, CentredBox{.5, .5, 0, 0}}) {
    const BoxGradient gradient = ciou_gradient({.5, .5, 0, 0}, truth);
    EXPECT_TRUE(std::isfinite(gradient.value));
    for (const double slope : gradient.slope) EXPECT_TRUE(std::isfinite(slope));
  }
}

}  // namespace
}  // namespace oko::train

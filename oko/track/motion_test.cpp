#include "oko/track/motion.h"

#include <gtest/gtest.h>

#include <cmath>

#include "oko/base/random.h"

namespace oko::track {
namespace {

image::Box box_at(double x, double y, double side) {
  return {static_cast<float>(x - side / 2), static_cast<float>(y - side / 2),
          static_cast<float>(x + side / 2), static_cast<float>(y + side / 2)};
}

TEST(Coordinate, IsBayesRuleForOneMeasurement) {
  // A prior of 10 ± 2 and a measurement of 16 ± 1: weighted by 1/4 and 1.
  Coordinate c{10, 0, 4, 0, 9};
  c.correct(16, 1);
  EXPECT_NEAR(c.value, (10 * .25 + 16) / 1.25, 1e-12);
  EXPECT_NEAR(c.spread, 1 / 1.25, 1e-12);
}

TEST(Coordinate, PredictsAsManySmallStepsDo) {
  Coordinate one{5, 3, 2, .5, 4}, many = one;
  one.predict(.5, .7, 2);
  for (int i = 0; i < 100; ++i) many.predict(.005, .7, 2);
  EXPECT_NEAR(one.value, many.value, 1e-9);
  EXPECT_NEAR(one.spread, many.spread, 1e-9);
  EXPECT_NEAR(one.shared, many.shared, 1e-9);
  EXPECT_NEAR(one.velocity_spread, many.velocity_spread, 1e-9);
}

TEST(Motion, FindsTheVelocityOfABoxWhateverTheFrameRate) {
  for (const double rate : {5., 10., 30., 60.}) {
    Motion motion(box_at(100, 200, 40));
    double time = 0;
    for (int i = 1; time < 1; ++i) {
      time = i / rate;
      motion.predict(1 / rate);
      motion.correct(box_at(100 + 60 * time, 200 - 30 * time, 40), 1, 1);
    }
    EXPECT_NEAR(motion.velocity_x(), 60, 3) << rate;
    EXPECT_NEAR(motion.velocity_y(), -30, 3) << rate;
    EXPECT_NEAR(motion.x(), 100 + 60 * time, 2) << rate;
  }
}

// How much a box that stands still trembles, as a share of how much its detections do.
double trembling(double smoothing) {
  Random random(5);
  Motion motion(box_at(300, 300, 100));
  double sum = 0, detected = 0;
  for (int i = 0; i < 600; ++i) {
    const double x = 300 + 4 * random.normal();
    motion.predict(1. / 30);
    motion.correct(box_at(x, 300, 100), .9, smoothing);
    if (i < 60) continue;
    sum += (motion.x() - 300) * (motion.x() - 300);
    detected += (x - 300) * (x - 300);
  }
  return std::sqrt(sum / detected);
}

TEST(Motion, Smooths) {
  EXPECT_LT(trembling(1), .75);
  EXPECT_LT(trembling(3), trembling(1));
  EXPECT_GT(trembling(.1), .9);
}

TEST(Motion, StopsGraduallyWhereNobodySeesIt) {
  Motion motion(box_at(0, 0, 50));
  for (int i = 1; i <= 30; ++i) {
    motion.predict(1. / 30);
    motion.correct(box_at(i * 4, 0, 50), 1, 1);
  }
  const double at = motion.x();
  for (int i = 0; i < 300; ++i) {
    motion.coast(1. / 30);
    motion.predict(1. / 30);
  }
  EXPECT_LT(motion.x() - at, 2 * 120 + 5);  // in two seconds e of its speed is lost
  EXPECT_LT(std::abs(motion.velocity_x()), 2);
}

}  // namespace
}  // namespace oko::track

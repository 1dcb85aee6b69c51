#include "oko/train/schedule.h"

#include <gtest/gtest.h>

#include <limits>

#include "oko/base/error.h"

namespace oko::train {
namespace {

ScheduleOptions options_of(ScheduleKind kind) {
  ScheduleOptions options;
  options.kind = kind;
  options.rate = .4;
  return options;
}

TEST(Schedule, WarmUpGrowsToTheFullRate) {
  ScheduleOptions options = options_of(ScheduleKind::kConstant);
  options.warmup_steps = 4;
  const Schedule linear(options, 100);
  EXPECT_DOUBLE_EQ(linear.rate(0), .1);
  EXPECT_DOUBLE_EQ(linear.rate(1), .2);
  EXPECT_DOUBLE_EQ(linear.rate(3), .4);
  EXPECT_DOUBLE_EQ(linear.rate(4), .4);
  EXPECT_DOUBLE_EQ(linear.rate(99), .4);
  options.warmup_power = 4;  // Darknet's burn-in
  EXPECT_DOUBLE_EQ(Schedule(options, 100).rate(1), .4 / 16);
}

TEST(Schedule, CosineFallsFromTheRateToItsFinalFraction) {
  ScheduleOptions options = options_of(ScheduleKind::kCosine);
  options.warmup_steps = 10;
  options.final_factor = .1;
  const Schedule schedule(options, 110);
  EXPECT_DOUBLE_EQ(schedule.rate(10), .4);
  EXPECT_NEAR(schedule.rate(60), .22, 1e-12);  // half way between .4 and .04
  EXPECT_NEAR(schedule.rate(110), .04, 1e-12);
  EXPECT_NEAR(schedule.rate(1000), .04, 1e-12);
  for (int step = 11; step <= 110; ++step) EXPECT_LT(schedule.rate(step), schedule.rate(step - 1));
}

TEST(Schedule, StepFallsAtItsMilestones) {
  ScheduleOptions options = options_of(ScheduleKind::kStep);
  options.milestones = {.5, .9};
  options.factor = .1;
  const Schedule schedule(options, 200);
  EXPECT_DOUBLE_EQ(schedule.rate(99), .4);
  EXPECT_DOUBLE_EQ(schedule.rate(100), .04);
  EXPECT_DOUBLE_EQ(schedule.rate(179), .04);
  EXPECT_NEAR(schedule.rate(180), .004, 1e-15);
}

TEST(Schedule, PlateauDropsWhenNoLossImprovedForLongerThanItsPatience) {
  ScheduleOptions options = options_of(ScheduleKind::kPlateau);
  options.patience = 2;
  options.factor = .5;
  Schedule schedule(options, 1000);
  for (const double loss : {9., 8., 8., 8.5}) schedule.observe(loss);
  EXPECT_DOUBLE_EQ(schedule.rate(5), .4);
  schedule.observe(7);  // better: patience starts over
  for (int i = 0; i < 2; ++i) schedule.observe(7);
  EXPECT_DOUBLE_EQ(schedule.rate(5), .4);
  schedule.observe(7);
  EXPECT_DOUBLE_EQ(schedule.rate(5), .2);
  for (int i = 0; i < 3; ++i) schedule.observe(7);
  EXPECT_DOUBLE_EQ(schedule.rate(5), .1);
}

TEST(Schedule, PlateauTreatsANonFiniteLossAsBad) {
  ScheduleOptions options = options_of(ScheduleKind::kPlateau);
  options.patience = 1;
  Schedule schedule(options, 1000);
  schedule.observe(std::numeric_limits<double>::quiet_NaN());
  schedule.observe(5);
  schedule.observe(std::numeric_limits<double>::infinity());
  EXPECT_DOUBLE_EQ(schedule.rate(5), .4);
  schedule.observe(4);
  schedule.observe(3);
  EXPECT_DOUBLE_EQ(schedule.rate(5), .4);
  EXPECT_EQ(schedule.state()["best"], 3);
}

TEST(Schedule, OnlyPlateauUsesLosses) {
  for (const auto kind : {ScheduleKind::kCosine, ScheduleKind::kStep, ScheduleKind::kConstant}) {
    Schedule schedule(options_of(kind), 100);
    for (int i = 0; i < 20; ++i) schedule.observe(5);
    EXPECT_EQ(schedule.rate(30), Schedule(options_of(kind), 100).rate(30));
  }
}

TEST(Schedule, StateResumesWhereItStopped) {
  ScheduleOptions options = options_of(ScheduleKind::kPlateau);
  options.patience = 2;
  Schedule first(options, 100);
  for (const double loss : {3.3, 1. / 3, 1., 1., 1., 1., 1.}) first.observe(loss);
  const Json state = parse_json(first.state().dump(), "state");
  Schedule second(options, 100);
  second.restore(state, "state");
  EXPECT_EQ(second.state(), first.state());
  EXPECT_EQ(second.rate(1), first.rate(1));
  first.observe(1);
  second.observe(1);
  EXPECT_EQ(second.rate(1), first.rate(1));
  EXPECT_NEAR(second.rate(1), .004, 1e-12);  // dropped twice
}

TEST(Schedule, BrokenStateIsAnInputError) {
  Schedule schedule({}, 10);
  Json state = schedule.state();
  state.erase("scale");
  EXPECT_THROW(schedule.restore(state, "checkpoint"), Error);
}

}  // namespace
}  // namespace oko::train

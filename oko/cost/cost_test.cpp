#include "oko/cost/cost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"

namespace oko::cost {
namespace {

using ::testing::HasSubstr;

Offer offer() {
  Offer offer;
  offer.on_demand = 1;
  offer.spot = .4;
  offer.host = .5;
  offer.host_spot = .1;
  return offer;
}

TEST(Cost, IsThePriceOfTheWholeMachinePerSecond) {
  EXPECT_DOUBLE_EQ(running_cost(offer(), false, 7200), 3);
  EXPECT_DOUBLE_EQ(running_cost(offer(), true, 7200, 2), 2);
  const Range range = running_cost(offer(), false, Range{3600, 7200, 36000});
  EXPECT_DOUBLE_EQ(range.low, 1.5);
  EXPECT_DOUBLE_EQ(range.high, 15);
}

TEST(Cost, CountsTheStartOfAMachine) {
  Prediction hour;
  hour.seconds = exactly(3600);
  const Range seconds = rented_seconds(hour, false, 5);
  EXPECT_DOUBLE_EQ(seconds.low, 3720);
  EXPECT_DOUBLE_EQ(seconds.likely, 3900);
}

// 16 hours are preempted twice: each time five minutes to start, and half of the ten minutes
// between checkpoints.
TEST(Cost, OfSpotMachinesCountsPreemptions) {
  const Range seconds = with_preemptions(exactly(16 * 3600), 10);
  EXPECT_DOUBLE_EQ(seconds.low, 16 * 3600);
  EXPECT_DOUBLE_EQ(seconds.likely, 16 * 3600 + 2 * (300 + 300));
  EXPECT_GT(seconds.high, seconds.likely);
}

TEST(OwnMachine, CostsItsPower) {
  const OwnMachine own = parse_own("RTX 4090:1800:350W");
  EXPECT_EQ(own.gpu, "RTX 4090");
  EXPECT_EQ(own.price, 1800);
  EXPECT_EQ(own.watts, 350);
  EXPECT_DOUBLE_EQ(power_cost(own, exactly(10 * 3600), .3).likely, 1.05);
  EXPECT_EQ(parse_own("rtx3090:700:400").gpu, "RTX 3090");
}

TEST(OwnMachine, InAnotherFormIsRefused) {
  for (const char* text : {"", ":", "::", "RTX 4090", "RTX 4090:1800", "RTX 4090:-1:350W",
                           "RTX 4090:1800:350kW", "RTX 4090:nan:350", "RTX 4090:1800:0",
                           "RTX 4090:1e99:350", "RTX 4090::", "Voodoo 2:100:20W"}) {
    try {
      parse_own(text);
      ADD_FAILURE() << text;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kUsage) << text;
      EXPECT_THAT(e.place(), HasSubstr("--own")) << text;
    }
  }
}

TEST(Cost, IsWrittenWithAsManyDigitsAsMatter) {
  EXPECT_EQ(usd_text(.5049), "$0.50");
  EXPECT_EQ(usd_text(9.996), "$10.00");
  EXPECT_EQ(usd_text(0), "$0.00");
  EXPECT_EQ(usd_text(.00416), "$0.0042");
  EXPECT_EQ(usd_text(.00996), "$0.01");
  EXPECT_EQ(usd_text(.00001), "<$0.0001");
  EXPECT_EQ(usd_text(99.996), "$100");
  EXPECT_EQ(usd_text(1829.6), "$1830");
}

}  // namespace
}  // namespace oko::cost

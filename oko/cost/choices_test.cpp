#include "oko/cost/choices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/graph/builtin.h"

namespace oko::cost {
namespace {

using ::testing::ElementsAre;

constexpr const char* kPrices =
    "cloud,machine,gpu,gpus,vcpus,region,on_demand,spot,host,host_spot,offered,source,commit,read\n"
    "a,slow,T4,1,8,any,0.7,0.3,included,included,yes,s,-,2026-11-29\n"
    "a,slow-dear,T4,1,8,any,1.5,,included,,yes,s,-,2026-11-29\n"
    "a,fast,H100,1,26,any,9,,included,,yes,s,-,2026-11-29\n"
    "a,four,L4,4,64,any,5,,included,,yes,s,-,2026-11-29\n"
    "a,old,K80,1,,any,0.8,,included,,no,s,-,2026-11-29\n";

Workload run() {
  Workload run;
  run.operations = operations_of(graph::make_builtin("yolov3", {}));
  run.images = 5000;
  run.epochs = 100;
  run.half_gb = 9;
  run.full_gb = 18;
  return run;
}

std::vector<std::string> names(const std::vector<Choice>& choices) {
  std::vector<std::string> names;
  for (const Choice& choice : choices) {
    names.push_back(choice.kind == Choice::Kind::kRented  ? choice.offer.machine
                    : choice.kind == Choice::Kind::kOwned ? "own"
                                                          : "here");
  }
  return names;
}

class Choices : public ::testing::Test {
 protected:
  std::vector<Choice> choose() { return choices_for(run_, probe_, prices_, options_); }
  Workload run_ = run();
  std::optional<Probe> probe_;
  Prices prices_ = parse_prices(kPrices, "p.csv");
  ChoiceOptions options_;
};

TEST_F(Choices, AreTheCheapestOfEachGpuByPriceOrTime) {
  EXPECT_THAT(names(choose()), ElementsAre("slow", "fast"));
  options_.order = Order::kTime;
  EXPECT_THAT(names(choose()), ElementsAre("fast", "slow"));
  options_.all = true;
  options_.order = Order::kPrice;
  EXPECT_THAT(names(choose()), ElementsAre("slow", "fast", "slow-dear"));
}

TEST_F(Choices, ThatDoNotFitComeLast) {
  run_.half_gb = 20;
  const auto choices = choose();
  EXPECT_THAT(names(choices), ElementsAre("fast", "slow"));
  EXPECT_FALSE(choices.back().prediction.fits);
}

TEST_F(Choices, OfOldHardwareAreShownWhenAskedFor) {
  options_.wanted.gpus = {"K80"};
  EXPECT_TRUE(choose().empty());
  options_.wanted.withdrawn = true;
  EXPECT_THAT(names(choose()), ElementsAre("old"));
}

TEST_F(Choices, WithMoreGpusThanWorkersAreSkipped) {
  run_.workers = 4;
  const auto choices = choose();
  EXPECT_THAT(names(choices), ::testing::UnorderedElementsAre("four", "slow", "fast"));
  for (const Choice& choice : choices) {
    EXPECT_EQ(choice.machines, choice.offer.machine == "four" ? 1 : 4);
  }
}

TEST_F(Choices, OnSpotCostLessAndTakeLonger) {
  const Choice demand = choose().front();
  options_.wanted.spot = true;
  const auto spot = choose();
  ASSERT_THAT(names(spot), ElementsAre("slow"));
  EXPECT_LT(spot[0].usd.likely, demand.usd.likely);
  EXPECT_GT(spot[0].seconds.likely, demand.seconds.likely);
  EXPECT_DOUBLE_EQ(spot[0].hourly, .3);
}

TEST_F(Choices, IncludeThisMachineAndOwnedOnes) {
  probe_.emplace();
  probe_->train = exactly(1);
  options_.own = {parse_own("RTX 4090:1800:400W")};
  options_.power_price = .3;
  const auto choices = choose();
  EXPECT_THAT(names(choices), ElementsAre("here", "own", "slow", "fast"));
  const auto even = break_even(choices[1], choices[2]);
  ASSERT_TRUE(even);
  const double saved = choices[2].usd.likely - choices[1].usd.likely;
  EXPECT_NEAR(even->runs, 1800 / saved, 1e-6);
  EXPECT_NEAR(even->hours, even->runs * choices[1].seconds.likely / 3600, 1e-6);
  Choice dear = choices[1];
  dear.usd = exactly(1000);
  EXPECT_FALSE(break_even(dear, choices[2]));
}

TEST_F(Choices, IncludeWhatTheDataCosts) {
  const double without = choose().front().usd.likely;
  options_.data.emplace();
  options_.data->gb = 10;
  const Choice choice = choose().front();
  EXPECT_NEAR(choice.usd.likely - without, 1.2, 1e-9);
  EXPECT_DOUBLE_EQ(choice.data.egress, 1.2);
}

}  // namespace
}  // namespace oko::cost

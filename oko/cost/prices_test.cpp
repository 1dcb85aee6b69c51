#include "oko/cost/prices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"

namespace oko::cost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kHead =
    "cloud,machine,gpu,gpus,vcpus,region,on_demand,spot,host,host_spot,offered,source,commit,"
    "read\n";

std::string row(const std::string& prices, const std::string& rest = "yes,a page,-,2026-11-29") {
  return "gcp,n1,T4,1,8,us-central1," + prices + "," + rest + "\n";
}

void expect_refused(const std::string& text, const std::string& place, const std::string& what) {
  try {
    parse_prices(text, "p.csv");
    ADD_FAILURE() << text;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInput);
    EXPECT_EQ(e.place(), place) << text;
    EXPECT_THAT(e.message(), HasSubstr(what)) << text;
  }
}

TEST(Prices, AreThoseOfTheWholeMachine) {
  const Prices prices = parse_prices(kHead + row("0.35,0.175,0.38,0.1"), "p.csv");
  ASSERT_EQ(prices.offers.size(), 1U);
  EXPECT_DOUBLE_EQ(prices.offers[0].hourly(false), .73);
  EXPECT_DOUBLE_EQ(prices.offers[0].hourly(true), .275);
  EXPECT_TRUE(prices.offers[0].host_is_known);
  EXPECT_EQ(prices.offers[0].name(), "n1 in us-central1, gcp");
}

TEST(Prices, OfTheGpuAloneAreMarked) {
  const Prices prices = parse_prices(kHead + row("0.35,0.175,unknown,unknown"), "p.csv");
  EXPECT_FALSE(prices.offers[0].host_is_known);
  EXPECT_DOUBLE_EQ(prices.offers[0].hourly(true), .175);
}

TEST(Prices, ThatCannotBeRightAreRefusedWithLineAndColumn) {
  expect_refused(kHead + row("0.35,0.00,included,included"), "p.csv:2", "spot \"0.00\"");
  expect_refused(kHead + row("0.35,-1,included,included"), "p.csv:2", "spot \"-1\"");
  expect_refused(kHead + row("0.35,0.35,included,included"), "p.csv:2", "not below");
  expect_refused(kHead + row("0.35,0.4,included,included"), "p.csv:2", "spot \"0.4\"");
  expect_refused(kHead + row("700.0,,included,"), "p.csv:2", "on_demand \"700.0\"");
  expect_refused(kHead + row("2.7,700.0,included,included"), "p.csv:2", "placeholder");
  expect_refused(kHead + row("nan,,included,"), "p.csv:2", "on_demand \"nan\"");
  expect_refused(kHead + row("1e400,,included,"), "p.csv:2", "on_demand \"1e400\"");
  expect_refused(kHead + row("0.35 USD,,included,"), "p.csv:2", "is not a number");
  expect_refused(kHead + row(",0.1,included,included"), "p.csv:2", "on_demand is empty");
  expect_refused(kHead + row("0.35,0.1,0.2,0.3"), "p.csv:2", "host_spot \"0.3\"");
  expect_refused(kHead + row("0.35,,0.2,0.1"), "p.csv:2", "host_spot \"0.1\"");
}

TEST(Prices, WithoutASourceOrADayAreRefused) {
  const std::string prices = "0.35,,included,";
  expect_refused(kHead + row(prices, "yes,,-,2026-11-29"), "p.csv:2", "source is empty");
  expect_refused(kHead + row(prices, "yes,a page,,2026-11-29"), "p.csv:2", "commit is empty");
  expect_refused(kHead + row(prices, "yes,a page,main,2026-11-29"), "p.csv:2", "commit \"main\"");
  expect_refused(kHead + row(prices, "yes,a page,-,29.11.2026"), "p.csv:2", "read \"29.11.2026\"");
  expect_refused(kHead + row(prices, "yes,a page,-,2026-02-30"), "p.csv:2", "is not a day");
  expect_refused(kHead + row(prices, "maybe,a page,-,2026-11-29"), "p.csv:2", "neither yes nor no");
}

TEST(Prices, OfUnknownOrPartialGpusAreRefused) {
  expect_refused(kHead + "gcp,n1,T5,1,8,x,1,,included,,yes,a page,-,2026-11-29\n", "p.csv:2",
                 "gpu \"T5\"");
  expect_refused(kHead + "aws,g6f,L4,0.25,8,x,1,,included,,yes,a page,-,2026-11-29\n", "p.csv:2",
                 "gpus \"0.25\"");
}

TEST(Prices, ListedTwiceAreRefused) {
  expect_refused(kHead + "# a comment\n" + row("1,,included,") + row("2,,included,"), "p.csv:4",
                 "listed twice: see p.csv:3");
  // Whatever the GPU is called.
  expect_refused(
      kHead + row("1,,included,") +
          "gcp,n1,nvidia-tesla-t4,1,8,us-central1,2,,included,,yes,a page,-,2026-11-29\n",
      "p.csv:3", "listed twice");
}

TEST(Prices, InAnotherShapeAreRefused) {
  expect_refused("", "p.csv", "is empty");
  expect_refused("cloud,gpu\n", "p.csv:1", "must name the columns");
  expect_refused(kHead + "gcp,n1\n", "p.csv:2", "has 2 cells, not 14");
  expect_refused(kHead + "\"gcp\"" + row("1,,included,").substr(3), "p.csv:2", "quotes");
  expect_refused(kHead + "gcp\x1b[2J" + row("1,,included,").substr(3), "p.csv:2", "control");
  expect_refused(kHead + std::string(300, 'g') + row("1,,included,").substr(3), "p.csv:2",
                 "200 bytes");
  expect_refused(std::string((4U << 20) + 1, '#'), "p.csv", "too large");
}

TEST(Prices, OfAFileReplaceAndExtendTheKnownOnes) {
  const Prices known = parse_prices(kHead + row("1,,included,"), "p.csv");
  const Prices more = parse_prices(
      kHead + row("2,,included,") + "own,box,L4,1,,any,3,,included,,yes,an offer,-,2026-11-30\n",
      "q.csv");
  const Prices all = with_more(known, more);
  ASSERT_EQ(all.offers.size(), 2U);
  EXPECT_EQ(all.offers[0].on_demand, 2);
  EXPECT_EQ(all.offers[1].cloud, "own");
  EXPECT_EQ(all.oldest(), "2026-11-29");
  EXPECT_EQ(all.newest(), "2026-11-30");
}

TEST(Prices, CompiledInCanBeSearched) {
  const Prices& prices = known_prices();
  Wanted wanted;
  wanted.gpus = {"NVIDIA_TESLA_T4"};
  wanted.spot = true;
  wanted.region = "us-central1";
  const auto t4 = offers_for(prices, wanted);
  ASSERT_EQ(t4.size(), 1U);
  EXPECT_EQ(t4[0].machine, "n1-standard-8");
  wanted.region = "europe-west4";
  EXPECT_TRUE(offers_for(prices, wanted).empty());
  wanted = {};
  wanted.gpus = {"K80"};
  EXPECT_TRUE(offers_for(prices, wanted).empty());
  wanted.withdrawn = true;
  EXPECT_EQ(offers_for(prices, wanted).size(), 1U);
  wanted = {};
  wanted.gpus = {"A10", "RTX 4090"};
  wanted.region = "anywhere";  // both are offered at one price everywhere
  std::vector<std::string> names;
  for (const Offer& offer : offers_for(prices, wanted)) names.push_back(offer.gpu);
  EXPECT_THAT(names, ElementsAre("A10", "RTX 4090"));
}

}  // namespace
}  // namespace oko::cost

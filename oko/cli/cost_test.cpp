// `oko cost` as typed. Without a dataset nothing is measured, so that these need no LibTorch.
#include <gmock/gmock.h>

#include "oko/cli/cost_text.h"
#include "oko/cli/test_command.h"
#include "oko/cli/test_model.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> with(std::vector<std::string> flags) {
  std::vector<std::string> words = {"cost", "--images", "5011", "--val", "4952"};
  words.insert(words.end(), flags.begin(), flags.end());
  return words;
}

Json json_of(std::vector<std::string> flags) {
  flags.emplace_back("--json");
  const Outcome outcome = oko_command(std::move(flags));
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  return Json::parse(outcome.out);
}

void expect_refused(const std::vector<std::string>& words, const std::string& what, int code = 2) {
  const Outcome outcome = oko_command(words);
  EXPECT_EQ(outcome.code, code) << outcome.out;
  EXPECT_THAT(outcome.error, HasSubstr(what));
}

TEST(CostCommand, ShowsTheCheapestOfEachGpuWithItsSpread) {
  const Outcome outcome = oko_command(with({"--network", "yolov3-tiny"}));
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("yolov3-tiny 416x416, batch 16: 100 epochs of 5 011 images, "
                                     "4 952 to validate on"));
  EXPECT_THAT(outcome.out, HasSubstr("gcp n1-standard-8"));
  EXPECT_THAT(outcome.out, HasSubstr("Cheapest to rent: "));
  EXPECT_THAT(outcome.out, Not(HasSubstr("K80")));
  for (std::size_t at = 0; at < outcome.out.size();) {
    const std::size_t end = std::min(outcome.out.find('\n', at), outcome.out.size());
    const std::string line = outcome.out.substr(at, end - at);
    EXPECT_LE(std::ranges::count_if(
                  line, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }),
              80)
        << line;
    at = end + 1;
  }
}

TEST(CostCommand, ShowsOldHardwareByName) {
  const Outcome outcome = oko_command(with({"--on", "k80,NVIDIA_TESLA_T4"}));
  EXPECT_THAT(outcome.out, HasSubstr("BASIC_GPU"));
  EXPECT_THAT(outcome.out, HasSubstr("can no longer be rented"));
  EXPECT_THAT(outcome.out, HasSubstr("Cheapest to rent: n1-standard-8"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("L4")));
}

TEST(CostCommand, SortsByPriceOrTime) {
  const auto sorted_by = [](const char* key, const std::vector<std::string>& flags) {
    double last = 0;
    const Json document = json_of(with(flags));
    for (const Json& choice : document["choices"]) {
      if (!choice["fits"]) continue;
      EXPECT_GE(choice[key]["likely"].get<double>(), last);
      last = choice[key]["likely"];
      EXPECT_LT(choice[key]["low"], choice[key]["likely"]);
      EXPECT_GT(choice[key]["high"], choice[key]["likely"]);
    }
    EXPECT_GT(last, 0);
  };
  sorted_by("usd", {});
  sorted_by("seconds", {"--sort", "time", "--spot"});
}

TEST(CostCommand, TakesAMeasurementInPlaceOfTheEstimate) {
  const auto seconds = [](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"cost", "--images", "5011", "--val", "0", "--epochs", "10"});
    flags.insert(flags.end(), {"--on", "T4"});
    const Json document = json_of(std::move(flags));
    return document["choices"].at(0)["seconds"];
  };
  // 50110 images at 100 a second, and five minutes to start.
  EXPECT_NEAR(seconds({"--measured", "T4=100"})["likely"], 501.1 + 300, 1e-6);
  const auto spread = [](const Json& range) {
    return (range["high"].get<double>() - 900) / (range["low"].get<double>() - 120);
  };
  EXPECT_GT(spread(seconds({})), 2 * spread(seconds({"--measured", "T4=100"})));
}

class CostOfARun : public WithModel {};

TEST_F(CostOfARun, IsMeasuredByItsLog) {
  std::string log = R"({"event":"start","recipe":{"network":"yolov3-tiny"}})"
                    "\n";
  for (int i = 0; i < 20; ++i) {
    log += R"({"event":"step","images_per_second":)" + std::to_string(i < 5 ? 1 : 50) +
           R"(,"wait":0.5})" + "\n";
  }
  storage::write(file("run/log.jsonl"), log);
  // Half of the time was spent waiting for images.
  const std::string run = file("run");
  EXPECT_THAT(oko_command(with({"--network", "yolov3-tiny", "--measured", "T4=" + run})).out,
              HasSubstr("measured: 100 images/s on one T4"));
  expect_refused(with({"--network", "yolov3", "--measured", "T4=" + run}),
                 "trained yolov3-tiny, not yolov3");
  storage::write(file("run/log.jsonl"), log.substr(0, 300));
  expect_refused(with({"--network", "yolov3-tiny", "--measured", "T4=" + run}), "steps", 3);
  expect_refused(with({"--measured", "T4=" + file("none")}), "log.jsonl", 3);
}

TEST_F(CostOfARun, UsesMorePrices) {
  storage::write(file("p.csv"),
                 std::string("cloud,machine,gpu,gpus,vcpus,region,on_demand,spot,host,host_spot,"
                             "offered,source,commit,read\n"
                             "club,box,T4,1,16,any,0.01,,included,,yes,an offer,-,2026-12-01\n"));
  EXPECT_THAT(oko_command(with({"--prices", file("p.csv")})).out,
              HasSubstr("Cheapest to rent: box, club, about"));
  storage::write(file("p.csv"), std::string("cloud\n"));
  expect_refused(with({"--prices", file("p.csv")}), "p.csv:1", 3);
}

TEST(CostCommand, ComparesWithOwnHardware) {
  const Outcome outcome = oko_command(
      with({"--own", "RTX 3090:700:400W", "--power-price", "0.3", "--network", "yolov3"}));
  EXPECT_THAT(outcome.out, HasSubstr("own, 400 W"));
  EXPECT_THAT(outcome.out, HasSubstr("Own RTX 3090: repays its $700 after"));
  EXPECT_THAT(oko_command(with({"--own", "RTX 3090:700:9000W"})).out,
              HasSubstr("its power alone costs more"));
}

TEST(CostCommand, WarnsOfABucketThatChargesForReading) {
  const Outcome outcome =
      oko_command(with({"--epochs", "100", "--data-gb", "40", "--storage-class", "coldline"}));
  // 40 GB once and 20 GB in each of 99 epochs.
  EXPECT_THAT(outcome.out, HasSubstr("Warning: reading 2020 GB from coldline costs $40.40"));
  EXPECT_THAT(outcome.out, HasSubstr("$0.64"));
}

TEST(CostCommand, MarksWhatDoesNotFit) {
  const Outcome outcome =
      oko_command(with({"--network", "yolov3", "--batch", "64", "--on", "T4,A100-80"}));
  EXPECT_THAT(outcome.out, HasSubstr("g  its memory is too small"));
  EXPECT_THAT(outcome.out, HasSubstr("A batch of 64 needs"));
}

TEST(CostCommand, RefusesWhatMakesNoSense) {
  expect_refused({"cost"}, "no dataset given");
  expect_refused(with({"--on", "T5"}), "--on: the GPU \"T5\" is unknown");
  expect_refused(with({"--own", "RTX 4090"}), "GPU:PRICE:WATTS");
  expect_refused(with({"--measured", "T4"}), "GPU=IMAGES_PER_SECOND");
  expect_refused(with({"--power-price", "1"}), "has no effect without --own");
  expect_refused(with({"--probe-seconds", "5"}), "has no effect without DATASET");
  expect_refused(with({"--storage-class", "coldline"}), "--data-gb");
  expect_refused(with({"--cloud", "nobody"}), "no machine in the table matches");
  expect_refused(with({"--network", "yolov33"}), "yolov3");
  expect_refused({"cost", "--images", "0"}, "range");
  expect_refused({"cost", "--on", "T4", "--own", "L4:1:1", "missing-folder"},
                 OKO_HAS_TRAINING ? "missing-folder" : "built without LibTorch",
                 OKO_HAS_TRAINING ? 3 : 2);
}

TEST(CostText, WritesAsManyDigitsAsTheSpreadDeserves) {
  EXPECT_EQ(time_text({60, 120, 600}), "2.0 min (1.0–10)");
  EXPECT_EQ(time_text({3600, 7200, 36000}), "2.0 h (1.0–10)");
  EXPECT_EQ(time_text({43200, 86400 * 3, 86400 * 12}), "3.0 d (0.5–12)");
  EXPECT_EQ(usd_range_text({.5, 1.234, 100.4}), "1.23 (0.50–100)");
}

}  // namespace
}  // namespace oko::cli

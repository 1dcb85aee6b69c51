#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "oko/base/error.h"
#include "oko/bench/machine.h"
#include "oko/bench/measure.h"
#include "oko/bench/result.h"

namespace oko::bench {
namespace {

using ::testing::HasSubstr;

Result some_result() {
  Result r;
  r.library = "0.1.0", r.target = "neondot", r.precision = "int8", r.targets = {"neondot", "neon"};
  r.abi = "arm64-v8a", r.processor = "4x Cortex-A55", r.cores = 8;
  r.model = "cards", r.width = 416, r.height = 320, r.classes = 3, r.heads = 2, r.flop = 5.5e9;
  r.frame_width = 1280, r.frame_height = 720, r.threads = 4, r.warm_up = 3, r.rounds = 50;
  r.open_ms = 12.5, r.weight_bytes = 1 << 20, r.activation_bytes = 4096, r.peak_bytes = 1 << 25;
  r.total = {3, 4, 5}, r.prepare = {.5, .6, .7}, r.network = {2, 3, 4}, r.decode = {.1, .2, .3};
  return r;
}

std::string message_of(const std::string& text) {
  try {
    read_result(text, "phone");
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(BenchResult, IsReadAsItWasWritten) {
  const Json written = to_json(some_result());
  EXPECT_EQ(to_json(read_result(written.dump(), "phone")), written);
}

TEST(BenchResult, RefusesWhateverElseAPhonePrints) {
  EXPECT_THAT(message_of("Segmentation fault"), HasSubstr("phone"));
  EXPECT_THAT(message_of("[1]"), HasSubstr("did not print a measurement"));
  EXPECT_THAT(message_of("{}"), HasSubstr("did not print a measurement"));
  EXPECT_THAT(message_of(R"({"error": {"message": "no such model"}})"), HasSubstr("no such model"));
  EXPECT_THAT(message_of(R"({"error": 7})"), HasSubstr("message"));
  EXPECT_THAT(message_of(std::string(kMostText + 1, ' ')), HasSubstr("1 MiB"));
}

TEST(BenchResult, CutsALongErrorOfAPhone) {
  const auto said = [](const std::string& message) {
    return message_of(Json({{"error", {{"message", message}}}}).dump());
  };
  EXPECT_EQ(said("no such model " + std::string(300, 'x')),
            "phone: no such model " + std::string(300, 'x'));
  EXPECT_EQ(said(std::string(1023, 'x') + "é and more"), "phone: " + std::string(1023, 'x') + "…");
}

TEST(BenchResult, RefusesAMissingOrWrongMemberByName) {
  const Json whole = to_json(some_result());
  for (const auto& [key, value] : whole.items()) {
    if (key == "format") continue;
    Json broken = whole;
    broken.erase(key);
    EXPECT_THAT(message_of(broken.dump()), HasSubstr(key));
    broken = whole;
    broken[key] = "x";
    if (value.is_string()) continue;
    EXPECT_NE(message_of(broken.dump()), "") << key;
  }
  Json broken = whole;
  broken["ms"]["total"]["median"] = -1;
  EXPECT_THAT(message_of(broken.dump()), HasSubstr("median"));
  broken = whole;
  broken["cores"] = 1;
  broken["machine"]["cores"] = -8;
  EXPECT_THAT(message_of(broken.dump()), HasSubstr("cores is negative"));
  broken = whole;
  broken["version"] = 2;
  EXPECT_THAT(message_of(broken.dump()), HasSubstr("version 2"));
  broken = whole;
  broken["library"] = std::string(1000, 'x');
  EXPECT_THAT(message_of(broken.dump()), HasSubstr("too long"));
}

TEST(BenchSpread, IsTheFastestTheMedianAndNineOfTen) {
  std::vector<double> times(101);
  std::iota(times.rbegin(), times.rend(), 0.);
  const Spread spread = spread_of(times);
  EXPECT_EQ(spread.fastest, 0);
  EXPECT_EQ(spread.median, 50);
  EXPECT_EQ(spread.p90, 90);
  EXPECT_EQ(spread_of({7}).p90, 7);
}

TEST(BenchMachine, NamesArmsProcessorsByTheirNumbers) {
  const std::string little =
      "processor\t: 0\nBogoMIPS\t: 38.40\nCPU implementer\t: 0x41\nCPU part\t: 0xd05\n\n";
  const std::string big = "processor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n";
  EXPECT_EQ(processor_of(little + little + big), "2x Cortex-A55, 1x Cortex-A76");
  EXPECT_EQ(processor_of("CPU implementer : 0x41\nCPU part : 0xfff\n"), "1x Arm 0xfff");
  EXPECT_EQ(processor_of("CPU implementer : 0x51\nCPU part : 0x802\n"), "1x part 0x802");
}

TEST(BenchMachine, TakesTheNameThatX86Has) {
  EXPECT_EQ(processor_of("model name\t: AMD EPYC\nmodel name\t: AMD EPYC\n"), "AMD EPYC");
  EXPECT_EQ(processor_of(""), "");
  EXPECT_EQ(processor_of("\n:\nCPU part"), "");
}

TEST(BenchMachine, ReadsThePeakOfMemory) {
  EXPECT_EQ(peak_bytes_of("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"), 2048U * 1024);
  EXPECT_EQ(peak_bytes_of("Name: x\n"), 0U);
}

TEST(BenchMeasure, PassesOnWhatTheLibrarySays) {
  Settings settings;
  settings.file = "/nonexistent/model.oko";
  EXPECT_THROW(measure(settings), Error);
  settings.precision = "int4";
  EXPECT_THROW(measure(settings), Error);
  EXPECT_EQ(precision_named("int8"), 3);
  EXPECT_EQ(precision_named("model"), 0);
  EXPECT_EQ(precision_named("int4"), -1);
}

}  // namespace
}  // namespace oko::bench

#include "oko/run/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <regex>

#include "oko/media/picture.h"
#include "oko/run/chart.h"
#include "oko/run/html.h"
#include "oko/storage/checksum.h"
#include "oko/storage/store.h"

namespace oko::run {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Html, EscapesMarkupAndRepairsText) {
  EXPECT_EQ(escaped("<a href='x'>&\"</a>"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;");
  EXPECT_EQ(escaped("caf\xe9"), "caf\xef\xbf\xbd");
}

TEST(Html, Base64MatchesTheRfc) {  // RFC 4648, section 10
  const auto encode = [](std::string_view text) {
    return storage::base64(std::as_bytes(std::span(text.data(), text.size())));
  };
  EXPECT_EQ(encode(""), "");
  EXPECT_EQ(encode("f"), "Zg==");
  EXPECT_EQ(encode("fo"), "Zm8=");
  EXPECT_EQ(encode("foobar"), "Zm9vYmFy");
}

TEST(ChartTicks, AreRoundAndInside) {
  EXPECT_THAT(nice_ticks(0, 1, 5),
              ::testing::ElementsAre(0, .2, .4, ::testing::DoubleNear(.6, 1e-9), .8, 1));
  EXPECT_THAT(nice_ticks(3, 47, 5), ::testing::ElementsAre(10, 20, 30, 40));
  EXPECT_TRUE(nice_ticks(1, 1, 5).empty());
  EXPECT_TRUE(nice_ticks(0, INFINITY, 5).empty());
}

TEST(ChartThinned, KeepsMeansAndGaps) {
  std::vector<Point> points;
  for (int i = 0; i < 1000; ++i) points.push_back({i * 1.0, i < 500 ? 2.0 : std::nan("")});
  const auto few = thinned(points, 10);
  ASSERT_EQ(few.size(), 10U);
  EXPECT_DOUBLE_EQ(few[0].x, 49.5);
  EXPECT_DOUBLE_EQ(few[4].y, 2);
  EXPECT_TRUE(std::isnan(few[5].y));
}

TEST(Chart, GapsAndSinglePointsAreDrawn) {
  Chart chart;
  chart.series = {{"loss", {{0, 1}, {1, std::nan("")}, {2, 3}}}};
  const std::string svg = chart_svg(chart);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_TRUE(std::regex_search(svg, std::regex(R"(d="M[\d. ]+M[\d. ]+")")));
  chart.series = {{"loss", {{0, 1}}}};
  EXPECT_THAT(chart_svg(chart), Not(HasSubstr("nan")));
  chart.series = {{"loss", {}}};
  EXPECT_THAT(chart_svg(chart), Not(HasSubstr("inf")));
}

class Report : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_report_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    dataset_.classes = {"rose", "<leaf>"};
    image::Picture picture{{900, 600}, std::vector<std::uint8_t>(900 * 600 * 3, 128)};
    for (const char* id : {"good", "bad & worse"}) {
      dataset::Sample sample;
      sample.id = id;
      sample.image = storage::join(folder_, std::string(id) + ".jpg");
      media::save(picture, sample.image);
      dataset_.samples.push_back(sample);
    }
    metrics::Picture good, bad;
    good.truth = {{0, {100, 100, 300, 300}, false, false}, {1, {400, 100, 600, 300}, false, false}};
    good.found = {{0, .9F, {100, 100, 300, 300}}, {1, .8F, {400, 100, 600, 300}}};
    bad.truth = {{0, {100, 100, 300, 300}, false, false}};
    bad.found = {{1, .85F, {100, 100, 300, 300}}};
    evaluation_ = summarize(dataset_.classes, {good, bad});
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::vector<Json> log() {
    return {{{"event", "start"}, {"time", 1000}, {"step", 0}, {"notes", {"batch: 8 <pictures>"}}},
            {{"event", "step"},
             {"time", 1001},
             {"step", 1},
             {"images", 8},
             {"loss", 9},
             {"rate", 1e-3},
             {"images_per_second", 20},
             {"wait", .25}},
            {{"event", "epoch"},
             {"time", 1010},
             {"epoch", 1},
             {"stage", 1},
             {"step", 10},
             {"train", {{"loss", 8}, {"box", 2}}},
             {"val", {{"loss", 9}}},
             {"map50", .2}},
            {{"event", "warning"}, {"time", 1011}, {"text", "odd <thing>"}},
            {{"event", "epoch"},
             {"time", 1020},
             {"epoch", 2},
             {"stage", 2},
             {"step", 20},
             {"train", {{"loss", 4}, {"box", 1}}},
             {"val", {{"loss", nullptr}}},
             {"map50", .6},
             {"seconds", 10},
             {"verdict", {{"name", "under-fitting"}, {"why", "loss still falls"}}}},
            {{"event", "end"}, {"time", 1030}, {"reason", "all epochs done"}, {"step", 20}}};
  }

  std::string folder_;
  dataset::Dataset dataset_;
  Evaluation evaluation_;
};

TEST_F(Report, WholeRunHasEverySection) {
  ReportInput input{"run <1>", log(), "epochs = 2 # <", &evaluation_, &dataset_, 12};
  const std::string html = make_report(input);
  for (const char* part :
       {"run &lt;1&gt;", "under-fitting", "loss still falls", "all epochs done", "all layers",
        "mAP at IoU .50", "Parts of the training loss", "Precision and recall", "&lt;leaf&gt;",
        "Confusion matrix", "bad &amp; worse: 1 missed, 1 wrong, 0 correct",
        "data:image/jpeg;base64,", "odd &lt;thing&gt;", "batch: 8 &lt;pictures&gt;", "25.0 %",
        "20.0", "epochs = 2 # &lt;"}) {
    EXPECT_THAT(html, HasSubstr(part));
  }
  EXPECT_THAT(html, Not(HasSubstr("<leaf>")));
  EXPECT_THAT(html, Not(HasSubstr("good:"))) << "images without errors are not shown";
}

TEST_F(Report, PartsOfTheLossAreThoseThatTheRunLists) {
  auto events = log();
  const std::string old = make_report({"run", events, "", nullptr, nullptr, 12});
  EXPECT_THAT(old, HasSubstr(">box<")) << "older logs list none";
  events[0]["loss_parts"] = {{{"key", "giou"}, {"label", "box overlap"}}};
  events[2]["train"]["giou"] = 1.5;
  const std::string html = make_report({"run", events, "", nullptr, nullptr, 12});
  EXPECT_THAT(html, HasSubstr("box overlap"));
  EXPECT_THAT(html, Not(HasSubstr(">box<")));
}

TEST_F(Report, IsSelfContained) {
  ReportInput input{"run", log(), "epochs = 2", &evaluation_, &dataset_, 12};
  const std::string html = make_report(input);
  EXPECT_THAT(html, Not(HasSubstr("http")));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("<link")));
}

TEST_F(Report, EvaluationAloneIsEnough) {
  const std::string html = make_report({"eval", {}, "", &evaluation_, nullptr, 12});
  EXPECT_THAT(html, HasSubstr("Precision and recall"));
  EXPECT_THAT(html, Not(HasSubstr("<h2>Training</h2>")));
  EXPECT_THAT(html, Not(HasSubstr("not finished")));
}

TEST_F(Report, RunThatStoppedEarlySaysSo) {
  auto events = log();
  events.resize(2);
  const std::string html = make_report({"run", events, "", nullptr, nullptr, 12});
  EXPECT_THAT(html, HasSubstr("stopped before its first evaluation"));
  EXPECT_THAT(html, HasSubstr("not finished"));
}

TEST_F(Report, MissingImageIsNamed) {
  std::filesystem::remove(dataset_.samples[1].image);
  const std::string html = make_report({"run", {}, "", &evaluation_, &dataset_, 12});
  EXPECT_THAT(html, HasSubstr("bad &amp; worse: 1 missed"));
  EXPECT_THAT(html, Not(HasSubstr("base64")));
}

TEST_F(Report, LogWithoutExpectedNumbersIsHarmless) {
  const std::vector<Json> odd = {{{"event", "epoch"}, {"train", 3}, {"verdict", "good"}},
                                 {{"event", 7}},
                                 {{"event", "epoch"}, {"epoch", "two"}, {"map50", "high"}}};
  EXPECT_THAT(make_report({"run", odd, "", nullptr, nullptr, 12}), HasSubstr("</html>"));
}

}  // namespace
}  // namespace oko::run

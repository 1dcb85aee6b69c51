#include "oko/run/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "oko/base/error.h"
#include "oko/storage/store.h"

namespace oko::run {
namespace {

class LogFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_run_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string uri() const { return Paths{folder_}.log(); }
  std::vector<Json> events() {
    writer_.flush();
    return read_log(uri());
  }

  std::string folder_;
  Writer writer_;
};

TEST_F(LogFile, EventsAreReadBackInOrderWithTheirTime) {
  Log log(writer_, uri());
  log.write({{"event", "start"}, {"step", 0}});
  log.write({{"event", "step"}, {"step", 1}, {"loss", 2.5}});
  const auto lines = events();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(text_of(lines[0], "event"), "start");
  EXPECT_EQ(number_of(lines[1], "loss"), 2.5);
  EXPECT_GT(number_of(lines[1], "time"), 1.6e9);
  EXPECT_GE(number_of(lines[1], "time"), number_of(lines[0], "time"));
}

TEST_F(LogFile, NonFiniteNumbersBecomeNull) {
  Log log(writer_, uri());
  log.write({{"event", "step"},
             {"loss", std::nan("")},
             {"box", std::numeric_limits<double>::infinity()}});
  writer_.flush();
  EXPECT_THAT(storage::read_text(uri()), ::testing::HasSubstr("\"loss\":null,\"box\":null"));
  EXPECT_TRUE(std::isnan(number_of(read_log(uri())[0], "loss")));
}

TEST_F(LogFile, TextThatIsNotUtf8IsStillLogged) {
  Log(writer_, uri()).write({{"event", "warning"}, {"text", "caf\xe9.jpg"}});
  EXPECT_EQ(text_of(events()[0], "text"), "caf\xef\xbf\xbd.jpg");
}

TEST_F(LogFile, IncompleteLastLineIsIgnored) {
  Log(writer_, uri()).write({{"event", "start"}});
  writer_.flush();
  storage::append(uri(), R"({"event":"step","lo)");
  EXPECT_EQ(read_log(uri()).size(), 1U);
}

TEST_F(LogFile, BrokenLineInTheMiddleIsReportedByNumber) {
  for (const char* broken : {"{\"event\":\n", "[1, 2]\n"}) {
    storage::write(uri(), std::string("{\"event\":\"start\"}\n") + broken + "{}\n");
    try {
      read_log(uri());
      FAIL() << "accepted " << broken;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      EXPECT_THAT(error.place(), ::testing::StartsWith(uri() + ":2"));
    }
  }
}

TEST_F(LogFile, TruncateRemovesWhatCameAfter) {
  Log log(writer_, uri());
  EXPECT_EQ(log.size(), 0U);
  log.write({{"event", "start"}});
  const std::uint64_t size = log.size();
  log.write({{"event", "step"}});
  log.truncate(size);
  EXPECT_EQ(log.size(), size);
  EXPECT_EQ(events().size(), 1U);
}

TEST_F(LogFile, TruncateNeverLeavesAnIncompleteLine) {
  Log log(writer_, uri());
  log.write({{"event", "start"}});
  const std::uint64_t size = log.size();
  writer_.flush();
  storage::append(uri(), R"({"event":"st)");
  log.truncate(1000);
  EXPECT_EQ(log.size(), size);
  log.write({{"event", "resume"}});
  EXPECT_EQ(events().size(), 2U);
}

TEST_F(LogFile, SizeIsThatOfTheWholeFile) {
  Log(writer_, uri()).write({{"event", "start"}});
  writer_.flush();
  Log log(writer_, uri());
  EXPECT_EQ(log.size(), storage::stat(uri())->size);
  log.write({{"event", "step"}});
  writer_.flush();
  EXPECT_EQ(log.size(), storage::stat(uri())->size);
}

TEST_F(LogFile, TruncateOfAMissingLogDoesNothing) {
  Log(writer_, uri()).truncate(10);
  EXPECT_FALSE(storage::exists(uri()));
}

TEST(RunPaths, AreInTheRunFolder) {
  const Paths paths{"runs/one"};
  EXPECT_EQ(paths.recipe(), "runs/one/run.toml");
  EXPECT_EQ(paths.log(), "runs/one/log.jsonl");
  EXPECT_EQ(paths.checkpoints(), "runs/one/checkpoints");
  EXPECT_EQ(paths.stage_model(), "runs/one/stage.oko");
  EXPECT_EQ(paths.model(), "runs/one/model.oko");
  EXPECT_EQ(paths.report(), "runs/one/report.html");
  EXPECT_EQ(paths.tensorboard(), "runs/one/tensorboard");
  EXPECT_EQ(paths.owner(), "runs/one/owner.json");
}

}  // namespace
}  // namespace oko::run

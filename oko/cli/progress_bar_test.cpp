#include "oko/cli/progress_bar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace oko::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

class ProgressTest : public ::testing::Test {
 protected:
  Clock clock() {
    return [this] { return now_; };
  }
  long count(char c) const {
    const std::string text = out_.str();
    return std::count(text.begin(), text.end(), c);
  }
  // What the terminal shows: the part after the last carriage return.
  std::string shown() const {
    const std::string text = out_.str();
    return text.substr(text.rfind('\r') + 1);
  }

  double now_ = 100;
  int columns_ = 100;
  std::ostringstream out_;
};

TEST_F(ProgressTest, BarShowsPartRateAndTimeLeft) {
  const auto progress = make_terminal_progress(
      out_, [this] { return columns_; }, clock());
  progress->begin("checking", 200, "pictures");
  now_ += 5;
  progress->advance(50);
  EXPECT_THAT(shown(), HasSubstr("checking  [======>"));
  EXPECT_THAT(shown(), HasSubstr("25 %  50/200 pictures  10/s  15 s left"));
  now_ += 1;
  progress->note("loss 3.2");
  EXPECT_THAT(shown(), HasSubstr("loss 3.2"));
}

TEST_F(ProgressTest, BarIsRedrawnAtMostTenTimesASecond) {
  const auto progress = make_terminal_progress(
      out_, [this] { return columns_; }, clock());
  progress->begin("checking", 1000, "pictures");
  for (int i = 0; i < 1000; ++i) {
    now_ += .001;
    progress->advance();
  }
  EXPECT_LE(count('\r'), 12);
  EXPECT_GE(count('\r'), 9);
}

TEST_F(ProgressTest, BarFitsTheTerminal) {
  columns_ = 40;
  const auto progress = make_terminal_progress(
      out_, [this] { return columns_; }, clock());
  progress->begin("проверка", 10, "картинок");
  now_ += 1;
  progress->note("a long remark that does not fit beside the bar at all");
  const std::string line = shown();
  const auto characters = std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  });
  EXPECT_EQ(characters, 39 + 3);  // and the three of "erase to the end of the line"
}

TEST_F(ProgressTest, LinesStayAboveTheBar) {
  const auto progress = make_terminal_progress(
      out_, [this] { return columns_; }, clock());
  progress->begin("checking", 10, "pictures");
  progress->line("warning: odd");
  EXPECT_THAT(out_.str(), HasSubstr("\r\x1b[Kwarning: odd\n\rchecking"));
  now_ += 2;
  progress->advance(10);
  progress->end();
  EXPECT_THAT(out_.str(), EndsWith("\r\x1b[Kchecking: 10 pictures in 2.0 s\n"));
}

TEST_F(ProgressTest, UnknownTotalShowsCountAndRate) {
  const auto progress = make_terminal_progress(
      out_, [this] { return columns_; }, clock());
  progress->begin("reading", 0, "frames");
  now_ += 2;
  progress->advance(50);
  EXPECT_THAT(shown(), HasSubstr("reading  50 frames  25/s"));
  EXPECT_THAT(shown(), Not(HasSubstr("left")));
}

TEST_F(ProgressTest, PipesGetFewPlainLines) {
  const auto progress = make_line_progress(out_, 10, clock());
  progress->begin("checking", 100, "pictures");
  for (int i = 0; i < 100; ++i) {
    now_ += .25;
    progress->advance();
  }
  progress->end();
  EXPECT_THAT(out_.str(), Not(HasSubstr("\r")));
  EXPECT_THAT(out_.str(), Not(HasSubstr("\x1b")));
  EXPECT_EQ(out_.str(),
            "checking: 40/100 pictures  4/s  15 s left\n"
            "checking: 80/100 pictures  4/s  5.0 s left\n"
            "checking: 100 pictures in 25 s\n");
}

TEST(DurationText, FitsItsSize) {
  EXPECT_EQ(duration_text(.31), "0.3 s");
  EXPECT_EQ(duration_text(59.4), "59 s");
  EXPECT_EQ(duration_text(59.6), "1 min 00 s");
  EXPECT_EQ(duration_text(125), "2 min 05 s");
  EXPECT_EQ(duration_text(3840), "1 h 04 min");
}

TEST_F(ProgressTest, ShowsControlsInNames) {
  for (const bool terminal : {true, false}) {
    out_.str("");
    {
      const auto progress = terminal ? make_terminal_progress(
                                           out_, [] { return 200; }, clock())
                                     : make_line_progress(out_, 0, clock());
      progress->begin("a\x1b[2J", 2, "frames");
      progress->note("b\nfake");
      progress->advance();
      progress->line("c\x1b[2J");
      progress->end();
    }
    EXPECT_THAT(out_.str(), HasSubstr("a\\x1b[2J"));
    EXPECT_THAT(out_.str(), HasSubstr("c\\x1b[2J\n"));
    EXPECT_THAT(out_.str(), Not(HasSubstr("\x1b[2J")));
    EXPECT_THAT(out_.str(), Not(HasSubstr("\nfake")));
  }
}

}  // namespace
}  // namespace oko::cli

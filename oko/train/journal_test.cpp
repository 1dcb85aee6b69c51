#include "oko/train/journal.h"

#include <gmock/gmock.h>

#include <array>

#include "oko/train/test_run.h"

namespace oko::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Of a kind of head that only this test has.
const std::array<LossPart, 2> kParts{{{"giou", "overlap"}, {"quality", "class quality"}}};

LossSums losses(double giou, double quality) {
  LossSums sums(kParts);
  sums.values = {giou, quality};
  return sums;
}

class Notes final : public Progress {
 public:
  void begin(std::string_view, std::uint64_t, std::string_view) override {}
  void advance(std::uint64_t) override {}
  void note(std::string_view text) override { texts.emplace_back(text); }
  void end() override {}
  void line(std::string_view text) override { texts.emplace_back(text); }
  std::vector<std::string> texts;
};

class JournalTest : public ::testing::Test {
 protected:
  std::vector<Json> events() {
    writer_.flush();
    return run::read_log(paths_.log());
  }
  std::vector<std::string> kinds() {
    std::vector<std::string> kinds;
    for (const Json& event : events()) kinds.push_back(run::text_of(event, "event"));
    return kinds;
  }
  void write_epoch(int number) {
    EpochSummary summary;
    summary.epoch = number;
    summary.train = losses(1, 2);
    journal_.epoch_ended(summary, 5 * (number + 1), {"fitting", "so it seems"}, {10, 1}, 3);
  }

  const dataset::ScratchFolder folder_;
  const run::Paths paths_{folder_.path()};
  run::Writer writer_;
  Notes progress_;
  Journal journal_{writer_, paths_, progress_};
};

TEST_F(JournalTest, UpdatesHaveWhateverPartsTheLossHas) {
  UpdateRecord update;
  update.step = 7;
  update.images = 4;
  update.loss = losses(2, 6);
  update.seconds = 2;
  journal_.updated(update);
  const Json event = events().at(0);
  EXPECT_EQ(event["loss"], 2);
  EXPECT_EQ(event["giou"], .5);
  EXPECT_EQ(event["quality"], 1.5);
  EXPECT_FALSE(event.contains("box"));
  EXPECT_THAT(progress_.texts,
              ElementsAre("loss 2.00 (overlap 0.50, class quality 1.50), 2.0 images/s"));
}

TEST_F(JournalTest, EventsAreInOrderAndGoBackToACheckpoint) {
  journal_.write(start_event(Json::object(), {"a note"}, kParts));
  write_epoch(0);
  const std::uint64_t at_checkpoint = journal_.log_bytes();
  journal_.warn("odd");
  journal_.ended("interrupted", 5);
  EXPECT_THAT(kinds(), ElementsAre("start", "epoch", "warning", "end"));
  EXPECT_EQ(run::loss_parts_of(events().at(0)).at(1).label, "class quality");
  EXPECT_THAT(progress_.texts.at(0), HasSubstr("epoch 1/3: loss 3.00 in 10 s, 10 % waiting"));
  journal_.go_back(at_checkpoint);
  write_epoch(1);
  EXPECT_THAT(kinds(), ElementsAre("start", "epoch", "epoch"));
}

TEST_F(JournalTest, LostLogBeginsAgainWithTheEpochsSoFar) {
  EpochSummary first, second;
  first.train = second.train = losses(3, 4);
  second.epoch = 1;
  journal_.rebuild(start_event(Json::object(), {}, kParts), std::vector{first, second}, 5);
  EXPECT_THAT(kinds(), ElementsAre("start", "epoch", "epoch"));
  EXPECT_EQ(events().at(2)["step"], 10);
  EXPECT_EQ(events().at(2)["train"]["quality"], 4);
}

}  // namespace
}  // namespace oko::train

#include "oko/train/loop.h"

#include <gmock/gmock.h>

#include <cmath>

#include "oko/dataset/read.h"
#include "oko/train/test_run.h"

namespace oko::train {
namespace {

using ::testing::ElementsAre;

// Records what it is asked to do; its loss and norm are what the test sets.
class FakeLearner final : public Learner {
 public:
  std::vector<std::string> calls;
  double loss = 2, norm = 1;

  void begin_update() override { calls.emplace_back("begin"); }
  LossSums accumulate(const dataset::Batch& batch, std::int64_t step, double factor,
                      bool last) override {
    calls.push_back(fmt::format("batch {} step {} factor {}{}", batch.index, step, factor,
                                last ? " last" : ""));
    return yolo_sums(loss * static_cast<double>(batch.truths.size()));
  }
  double clip_gradient() override { return norm; }
  bool may_overflow() const override { return false; }
  void update(double rate) override { calls.push_back(fmt::format("update {}", rate)); }
  void undo_update() override { calls.emplace_back("undo"); }
  double l2_loss() const override { return .5; }
  void freeze(const std::vector<bool>&) override {}
  void restart() override {}
  graph::Weights weights() const override { return {}; }
  graph::Weights averaged_weights() const override { return {}; }
  std::int64_t value_count() const override { return 0; }
  graph::Weights state() const override { return {}; }
  void load(const graph::Weights&, const std::string&) override {}
  void restore(const graph::Weights&, const std::string&) override {}
  double measure(int) override { return 1; }
  bool half_precision() const override { return false; }
  std::string description() const override { return "fake"; }
};

// Ten images in five batches, two of them per update.
class Loop : public ::testing::Test {
 protected:
  Loop() {
    recipe_.accumulate = 2;
    hooks_.rate = [](int batch) { return .25 * batch; };
    hooks_.updated = [this](const UpdateRecord& update) {
      learner_.calls.push_back(fmt::format("updated {}", update.step));
      last_ = update;
    };
    hooks_.pause = [this] { learner_.calls.emplace_back("pause"); };
    hooks_.diverged = [](const auto& why, const auto& samples) {
      throw Error(ErrorCode::kFailed, std::to_string(samples.size()), why);
    };
  }

  void run() {
    dataset::LoaderOptions options;
    options.input = {kSide, kSide};
    options.batch = 2;
    options.threads = 1;
    dataset::Loader loader(data_, options);
    EpochLoop(learner_, loader, recipe_, position_, hooks_, progress_).run();
  }

  const dataset::ScratchFolder folder_;
  const dataset::Dataset data_ = dataset::read(make_squares(folder_ / "data", {10, 0}));
  Recipe recipe_;
  FakeLearner learner_;
  Position position_;
  EpochHooks hooks_;
  NoProgress progress_;
  UpdateRecord last_;
};

TEST_F(Loop, GradientsOfSeveralBatchesMakeAnUpdate) {
  run();
  EXPECT_THAT(
      learner_.calls,
      ElementsAre("begin", "batch 0 step 0 factor 0.25", "batch 1 step 0 factor 0.25 last",
                  "update 0.25", "updated 1", "pause",  //
                  "begin", "batch 2 step 1 factor 0.25", "batch 3 step 1 factor 0.25 last",
                  "update 0.75", "updated 2", "pause",  //
                  "begin", "batch 4 step 2 factor 0.5 last", "update 1", "updated 3", "pause"));
  EXPECT_EQ(position_.step, 3);
  EXPECT_EQ(position_.batch, 5);
  EXPECT_EQ(position_.mean_loss().total(), 2);
  EXPECT_EQ(last_.images, 2);
  EXPECT_EQ(last_.l2, .5);
  EXPECT_EQ(last_.width, kSide);
}

TEST_F(Loop, EpochIsContinuedWhereItWasLeft) {
  hooks_.pause = [] { throw Error(ErrorCode::kInterrupted, "", "stopped"); };
  EXPECT_EQ(error_of([&] { run(); }).code(), ErrorCode::kInterrupted);
  EXPECT_EQ(position_.batch, 2);
  learner_.calls.clear();
  hooks_.pause = [] {};
  run();
  EXPECT_EQ(learner_.calls.at(1), "batch 2 step 1 factor 0.25");
  EXPECT_EQ(position_.step, 3);
  EXPECT_EQ(position_.epoch_pictures, 10);
}

TEST_F(Loop, BrokenLossNeverReachesTheWeights) {
  learner_.loss = NAN;
  const Error e = error_of([&] { run(); });
  EXPECT_EQ(e.place(), "4") << "both batches' images";
  EXPECT_THAT(e.message(), ::testing::HasSubstr("not finite"));
  EXPECT_EQ(learner_.calls.size(), 3U);
  EXPECT_EQ(position_.step, 0);
}

}  // namespace
}  // namespace oko::train

// Training entirely in a bucket: the same weights as on disk, whatever fails on the way.
#include <gmock/gmock.h>

#include <atomic>

#include "oko/base/random.h"
#include "oko/train/test_run.h"
#include "tests/storage/watched_google.h"

namespace oko::train {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

const std::string kRuns = "gs://oko-test/runs";

class BucketTraining : public Training {
 protected:
  // Uploads images, labels and the network's description to the bucket.
  Recipe recipe_in_bucket(int epochs) {
    Recipe r = recipe(epochs);
    const std::string there = "gs://oko-test/data";
    for (const auto& entry : storage::list(dataset_, true)) {
      storage::copy(entry.uri, there + entry.uri.substr(dataset_.size()));
    }
    storage::copy(r.network, "gs://oko-test/tiny.cfg");
    r.dataset = there;
    r.network = "gs://oko-test/tiny.cfg";
    return r;
  }

  void expect_same_runs(const std::string& a, const std::string& b) {
    expect_same(model(a).weights, model(b).weights);
    const Checkpoint first = newest(a), second = newest(b);
    expect_same(first.network.weights, second.network.weights);
    expect_same(first.extra, second.extra);
    EXPECT_EQ(first.position.step, second.position.step);
    EXPECT_EQ(first.position.best_fitness, second.position.best_fitness);
    EXPECT_EQ(losses(a), losses(b));
  }

  std::vector<double> losses(const std::string& name) {
    std::vector<double> found;
    for (const Json& step : events(name, "step")) found.push_back(step["loss"]);
    return found;
  }

  // From now on the machine loses its connection after this many writes into runs.
  void die_after(int writes) {
    auto left = std::make_shared<int>(writes);
    google_.watch([left](const std::string& operation) {
      const bool writes_a_run = operation.find(kRuns) != std::string::npos &&
                                !operation.starts_with("read ") &&
                                !operation.starts_with("stat ") && !operation.starts_with("list ");
      if (writes_a_run && *left > 0) --*left;
      if (*left == 0) throw Error(ErrorCode::kStorage, operation, "the machine is offline");
    });
  }

  // False if it finished.
  bool dies(const Recipe& r, const TrainOptions& options) {
    try {
      train::train(r, options, progress_);
      return false;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kStorage) << e.what();
      EXPECT_THAT(e.message(), HasSubstr("the machine is offline"));
      return true;
    }
  }

  oko::testing::WatchedGoogle google_;
};

TEST_F(BucketTraining, MatchesTrainingOnDiskWithFewOperations) {
  Recipe on_disk = recipe(4);
  Recipe in_bucket = recipe_in_bucket(4);
  on_disk.batch = in_bucket.batch = 1;
  run(on_disk, "disk");
  std::atomic<int> operations = 0;
  google_.watch([&](const std::string& operation) {
    if (operation.find(kRuns) != std::string::npos) ++operations;
  });
  run(in_bucket, kRuns + "/1");
  const int counted = operations;
  expect_same_runs("disk", kRuns + "/1");
  EXPECT_EQ(losses("disk").size(), 80U);
  // At the beginning and the end; at the end of an epoch two appends, a check of the owner, the
  // model, the checkpoint, a list and a removal. Nothing per step.
  EXPECT_LE(counted, 20 + 4 * 7);
  RecordProperty("operations", counted);
}

TEST_F(BucketTraining, MachinesMayFailAtAnyMoment) {
  Recipe on_disk = recipe(3);
  on_disk.checkpoint_minutes = .001;  // after every few updates
  run(on_disk, "disk");
  Recipe in_bucket = recipe_in_bucket(3);
  in_bucket.checkpoint_minutes = .001;
  Random random(5);
  for (int number = 0; number < 3; ++number) {
    const std::string out = kRuns + "/" + std::to_string(number);
    int deaths = 0;
    for (int i = 0; i < 5; ++i) {
      die_after(1 + static_cast<int>(random.below(9)));
      const bool begun = i > 0 && storage::exists(run::Paths{out}.recipe());
      if (dies(in_bucket, {.out = out, .resume = begun})) ++deaths;
    }
    EXPECT_GT(deaths, 0);
    google_.watch({});
    go_on(out);
    expect_same_runs("disk", out);
    // The failed machine may have written one more and not removed the oldest.
    EXPECT_THAT(storage::list(run::Paths{out}.checkpoints()).size(), AnyOf(2U, 3U));
  }
}

TEST_F(BucketTraining, InterruptionLeavesEverythingInTheBucket) {
  Recipe in_bucket = recipe_in_bucket(3);
  const std::string out = kRuns + "/1";
  const Error e = interrupt(in_bucket, out, 3);
  EXPECT_EQ(e.code(), ErrorCode::kInterrupted);
  EXPECT_EQ(newest(out).position.step, 3);
  EXPECT_EQ(events(out, "step").size(), 3U);
  EXPECT_EQ(events(out, "end").at(0)["reason"], "interrupted");
  EXPECT_TRUE(storage::exists(run::Paths{out}.report()));
}

TEST_F(BucketTraining, TemporarilyUnreadableCheckpointIsNotTreatedAsBroken) {
  Recipe in_bucket = recipe_in_bucket(3);
  const std::string out = kRuns + "/1";
  interrupt(in_bucket, out, 8);
  interrupt(in_bucket, out, 3, true);
  google_.watch([](const std::string& operation) {
    if (operation.starts_with("read ") && operation.find("/checkpoints/") != std::string::npos) {
      throw Error(ErrorCode::kStorage, operation, "the network is down");
    }
  });
  EXPECT_EQ(error_of([&] { go_on(out); }).code(), ErrorCode::kStorage);
  google_.watch({});
  go_on(out);
  EXPECT_TRUE(events(out, "warning").empty());
  EXPECT_EQ(events(out, "step").size(), 15U);
}

TEST_F(BucketTraining, LogSaysWhyTrainingFailed) {
  Recipe in_bucket = recipe_in_bucket(200);
  in_bucket.loss = LossKind::kKeras;
  in_bucket.optimizer = OptimizerKind::kSgd;
  in_bucket.rate = 10;
  in_bucket.warmup_epochs = 0;
  in_bucket.clip = 0;
  const Error e = error_of([&] { train::train(in_bucket, {.out = kRuns + "/1"}, progress_); });
  EXPECT_EQ(e.code(), ErrorCode::kFailed);
  EXPECT_THAT(e.message(), HasSubstr("not finite"));
  EXPECT_THAT(events(kRuns + "/1", "end").at(0)["reason"].get<std::string>(),
              HasSubstr("not finite"));
}

}  // namespace
}  // namespace oko::train

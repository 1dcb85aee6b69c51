// Stopping and resuming: the result of a run does not depend on how often it was stopped.
#include <gmock/gmock.h>

#include <set>

#include "oko/train/test_run.h"

namespace oko::train {
namespace {

using ::testing::HasSubstr;

using Resume = Training;

TEST_F(Resume, RecipeInTheRunFolderReproducesTheRun) {
  run(recipe(2), "first");
  const std::string text = storage::read_text(folder_ / "first/run.toml");
  EXPECT_THAT(text, HasSubstr("dataset_hash"));
  run(recipe_from_toml(text, "run.toml"), "second");
  expect_same(model("first").weights, model("second").weights);
  expect_same(newest("first").extra, newest("second").extra);
}

TEST_F(Resume, ResumedRunMatchesTheUninterruptedOneBitForBit) {
  Recipe r = recipe(4);
  r.anchors = "data";
  expect_resume_is_exact(r, {7});
}

TEST_F(Resume, ResumeIsExactAtAnEpochsEndAndAfterSeveralStops) {
  expect_resume_is_exact(recipe(4), {5, 1, 8});
}

TEST_F(Resume, ResumeIsExactWithDropoutAndAccumulatedSteps) {
  Recipe r = recipe(4);
  r.network = network_file(true);
  r.accumulate = 2;  // five batches: updates after 2, 2 and 1
  expect_resume_is_exact(r, {4});
}

TEST_F(Resume, ResumeIsExactWithThePlateauSchedule) {
  make_squares(dataset_, {20, 0});
  Recipe r = recipe(12);
  r.val_part = 0;
  r.schedule = ScheduleKind::kPlateau;
  r.batch = 20;  // one update per epoch, on the same images,
  r.augment = false;
  r.rate = 1e-12;  // that change nothing: the rate drops after epochs 5 and 9
  expect_resume_is_exact(r, {13});
  const auto steps = events("parts", "step");
  EXPECT_NEAR(steps.at(5)["rate"].get<double>(), 1e-13, 1e-20);
  EXPECT_NEAR(steps.at(11)["rate"].get<double>(), 1e-14, 1e-20);
}

TEST_F(Resume, ResumeIsExactInAndAfterTheFrozenStage) {
  run(recipe(1), "pretrained");
  Recipe r = recipe(4);
  r.from = folder_ / "pretrained/model.oko";
  r.frozen_epochs = 2;
  expect_resume_is_exact(r, {3, 7, 3});
  expect_same(model("whole", "stage.oko").weights, model("parts", "stage.oko").weights);
}

TEST_F(Resume, InterruptedRunKeepsACheckpointAndAReport) {
  const Error e = interrupt(recipe(3), "run", 3);
  EXPECT_EQ(e.code(), ErrorCode::kInterrupted);
  EXPECT_THAT(e.hint(), HasSubstr("--resume"));
  const run::Paths paths{folder_ / "run"};
  EXPECT_TRUE(storage::exists(storage::join(paths.checkpoints(), "step-00000003.oko")));
  EXPECT_TRUE(storage::exists(paths.report()));
  EXPECT_EQ(newest("run").position.batch, 3);
  EXPECT_EQ(events("run", "end").at(0)["reason"], "interrupted");
}

TEST_F(Resume, RunThatStoppedBeforeItsFirstCheckpointStartsOver) {
  Recipe r = recipe(2);
  run(r, "whole");
  interrupt(r, "parts", 3);
  storage::remove(storage::join(folder_ / "parts", "checkpoints/step-00000003.oko"));
  go_on("parts");
  expect_same(model("whole").weights, model("parts").weights);
  EXPECT_EQ(events("parts", "step").size(), 10U);
  EXPECT_EQ(events("parts", "start").size(), 1U);
  EXPECT_THAT(events("parts", "warning").at(0)["text"].get<std::string>(),
              HasSubstr("no checkpoint yet"));
}

TEST_F(Resume, RunKilledBetweenItsFirstEpochAndThatCheckpointStartsAnew) {
  Recipe r = recipe(2);
  run(r, "whole");
  interrupt(r, "parts", 6);  // at the first epoch's end
  const run::Paths paths{place("parts")};
  for (const auto& entry : storage::list(paths.checkpoints())) storage::remove(entry.uri);
  const std::string log = storage::read_text(paths.log());
  storage::write(paths.log(), log.substr(0, log.rfind("{\"event\":\"end\"")));
  ASSERT_TRUE(storage::exists(paths.model()));
  go_on("parts");
  expect_same(model("whole").weights, model("parts").weights);
}

TEST_F(Resume, TrainedRunWhoseCheckpointsAreGoneIsRefusedAndLeftAlone) {
  run(recipe(2), "run");
  const run::Paths paths{place("run")};
  for (const auto& entry : storage::list(paths.checkpoints())) storage::remove(entry.uri);
  const auto contents = [&] {
    std::string all;
    for (const auto& entry : storage::list(paths.folder, true)) {
      all += entry.uri + storage::read_text(entry.uri);
    }
    return all;
  };
  const std::string before = contents();
  const Error model = error_of([&] { go_on("run"); });
  EXPECT_EQ(model.code(), ErrorCode::kInput);
  EXPECT_THAT(model.message(), HasSubstr("there is no checkpoint to resume from"));
  EXPECT_THAT(model.hint(), HasSubstr("--from " + paths.model() + " --out OTHER"));
  EXPECT_EQ(contents(), before);
  storage::remove(paths.model());
  const Error log = error_of([&] { go_on("run"); });
  EXPECT_EQ(log.code(), ErrorCode::kInput);
  EXPECT_THAT(log.message(), HasSubstr("log.jsonl"));
  storage::write(paths.model(), "x");
  storage::remove(paths.log());
  EXPECT_EQ(error_of([&] { go_on("run"); }).code(), ErrorCode::kInput);
}

TEST_F(Resume, BrokenNewestCheckpointIsSkipped) {
  Recipe r = recipe(3);
  run(r, "whole");
  interrupt(r, "parts", 8);  // its checkpoint is written whatever else is in progress
  interrupt(r, "parts", 6, true);
  const std::string newest_file = storage::join(folder_ / "parts", "checkpoints/step-00000012.oko");
  ASSERT_TRUE(storage::exists(newest_file));
  storage::write(newest_file, "half");
  go_on("parts");
  expect_same(model("whole").weights, model("parts").weights);
  EXPECT_EQ(events("parts", "step").size(), 15U);
  EXPECT_THAT(events("parts", "warning").at(0)["text"].get<std::string>(),
              HasSubstr("step-00000012.oko"));
}

TEST_F(Resume, FolderOfAnotherRunIsAUsageError) {
  interrupt(recipe(2), "run", 1);
  const std::string log = storage::read_text(folder_ / "run/log.jsonl");
  const Error e = error_of([&] { run(recipe(2), "run"); });
  EXPECT_EQ(e.code(), ErrorCode::kUsage);
  EXPECT_THAT(e.hint(), HasSubstr("--resume"));
  EXPECT_EQ(storage::read_text(folder_ / "run/log.jsonl"), log);
}

TEST_F(Resume, ResumingARunStopsTheProcessThatStillTrains) {
  Recipe r = recipe(3);
  run(r, "whole");
  TrainOptions options{.out = folder_ / "parts"};
  int asked = 0;
  options.stop = [&] {
    if (++asked == 8) {  // in the second epoch another process takes over
      EXPECT_NO_THROW(go_on("parts"));
    }
    return false;
  };
  const Error e = error_of([&] { train::train(r, options, progress_); });
  EXPECT_EQ(e.code(), ErrorCode::kFailed);
  EXPECT_THAT(e.message(), HasSubstr("has resumed this run"));
  expect_same(model("whole").weights, model("parts").weights);
}

class ResumeWith : public Training {
 protected:
  // Like `oko train --resume` with flags for these keys.
  TrainResult resume(const Recipe& wanted, std::set<std::string> given, bool accept = false) {
    TrainOptions options{.out = place("run"), .resume = true};
    options.given = std::move(given);
    options.accept_changed_data = accept;
    return train::train(wanted, options, progress_);
  }
  std::string run_toml() { return storage::read_text(folder_ / "run/run.toml"); }
  void name_classes(const std::string& names, int count) {
    storage::write(
        storage::join(dataset_, "data.yaml"),
        fmt::format("train: images/train\nval: images/val\nnc: {}\nnames: [{}]\n", count, names));
  }
};

TEST_F(ResumeWith, MoreEpochsContinueAsALongerRunAndAreRecorded) {
  Recipe r = recipe(2);
  r.schedule = ScheduleKind::kConstant;
  r.warmup_epochs = 0;
  r.plain_epochs = 0;
  run(r, "run");
  r.epochs = 4;
  run(r, "long");
  const TrainResult result = resume(r, {"epochs", "batch", "network", "anchors"});
  EXPECT_TRUE(result.nothing_to_do.empty());
  EXPECT_EQ(newest("run").position.step, 20);
  expect_same(newest("long").network.weights, newest("run").network.weights);
  expect_same(newest("long").extra, newest("run").extra);
  EXPECT_EQ(recipe_from_toml(run_toml(), "run.toml").epochs, 4);
  EXPECT_THAT(run_toml(), HasSubstr("step 10: epochs 2 -> 4"));
  EXPECT_EQ(events("run", "resume").at(0)["changes"], Json::array({"epochs 2 -> 4"}));
}

TEST_F(ResumeWith, CosineOfMoreEpochsMatchesTheLongerRunFromThereOn) {
  Recipe r = recipe(2);
  run(r, "run");
  r.epochs = 4;
  run(r, "long");
  resume(r, {"epochs"});
  const auto longer = events("long", "step"), resumed = events("run", "step");
  ASSERT_EQ(resumed.size(), 20U);
  for (std::size_t i = 10; i < 20; ++i) EXPECT_EQ(resumed[i]["rate"], longer[i]["rate"]) << i;
  EXPECT_GT(resumed[10]["rate"].get<double>(), resumed[9]["rate"].get<double>());
}

TEST_F(ResumeWith, MachineOptionsAreApplied) {
  interrupt(recipe(2), "run", 3);
  Recipe r = recipe(2);
  r.threads = 2;
  r.loader_threads = 1;
  r.cache_mb = 7;
  r.patience = 9;
  r.checkpoint_minutes = 2.5;
  resume(r, {"threads", "loader_threads", "cache_mb", "patience", "checkpoint_minutes"});
  const Recipe now = recipe_from_toml(run_toml(), "run.toml");
  EXPECT_EQ(now.threads, 2);
  EXPECT_EQ(now.loader_threads, 1);
  EXPECT_EQ(now.cache_mb, 7);
  EXPECT_EQ(now.patience, 9);
  EXPECT_EQ(now.checkpoint_minutes, 2.5);
  EXPECT_EQ(events("run", "resume").at(0)["changes"].size(), 5U);
}

TEST_F(ResumeWith, OtherOptionsAreRejectedByNameAndNothingChanges) {
  interrupt(recipe(2), "run", 3);
  const std::string before = run_toml(), log = storage::read_text(folder_ / "run/log.jsonl");
  Recipe r = recipe(2);
  r.batch = 5;
  r.rate = .1;
  r.from = "x.weights";
  r.augment = false;
  const Error e = error_of([&] { resume(r, {"batch", "rate", "from", "augment", "epochs"}); });
  EXPECT_EQ(e.code(), ErrorCode::kUsage);
  EXPECT_THAT(e.message(), HasSubstr("--batch 5 (the run has 4)"));
  EXPECT_THAT(e.message(), HasSubstr("--rate 0.1 (the run has 0.005)"));
  EXPECT_THAT(e.message(), HasSubstr("--from"));
  EXPECT_THAT(e.message(), HasSubstr("--no-augment (the run has --augment)"));
  EXPECT_THAT(e.hint(), HasSubstr("--no-augment"));
  EXPECT_EQ(run_toml(), before);
  EXPECT_EQ(storage::read_text(folder_ / "run/log.jsonl"), log);
}

TEST_F(ResumeWith, WhatTheRunBeganWithOrAutoIsNoChange) {
  Recipe r = recipe(2);
  r.anchors = "data";
  r.batch = 0;
  interrupt(r, "run", 3);
  EXPECT_TRUE(error_of([&] {
                TrainOptions options{.out = place("run"), .resume = true};
                options.given = {"anchors", "batch", "from"};
                options.stop = [] { return true; };
                train::train(r, options, progress_);
              }).code() == ErrorCode::kInterrupted);
  r.anchors = "auto";
  EXPECT_TRUE(resume(r, {"anchors", "batch"}).nothing_to_do.empty());
  EXPECT_FALSE(events("run", "resume").at(1).contains("changes"));
}

TEST_F(ResumeWith, ChoosingAgainIsRefusedWhereTheRunBeganOtherwise) {
  Recipe r = recipe(2);
  r.anchors = "12,12, 17,17, 25,25";
  r.width = r.height = 96;
  interrupt(r, "run", 3);
  const std::string before = run_toml();
  const auto expect_refused = [&](const std::string& key, const std::string& message) {
    const Error e = error_of([&] { resume(r, {key}); });
    EXPECT_EQ(e.code(), ErrorCode::kUsage);
    EXPECT_THAT(e.message(), HasSubstr(message));
    EXPECT_EQ(run_toml(), before);
  };
  for (const std::string anchors : {"default", "data"}) {
    r.anchors = anchors;
    expect_refused("anchors",
                   "--anchors \"" + anchors + "\" (the run has \"12,12, 17,17, 25,25\")");
  }
  r.width = r.batch = 0;
  r.frozen_epochs = -1;
  expect_refused("width", "--width 0 (the run has 96)");
  expect_refused("batch", "--batch 0 (the run has 4)");
  const std::size_t asked = before.find("asked = ");  // not in the runs of an older oko
  storage::write(folder_ / "run/run.toml",
                 before.substr(0, asked) + before.substr(before.find('\n', asked) + 1));
  r.anchors = "data";
  EXPECT_EQ(error_of([&] { resume(r, {"anchors"}); }).code(), ErrorCode::kUsage);
}

TEST_F(ResumeWith, FinishedRunIsReportedAndNotChanged) {
  run(recipe(2), "run");
  const std::string log = storage::read_text(folder_ / "run/log.jsonl");
  Recipe r = recipe(2);
  r.device = "cuda";
  r.check = false;
  const TrainResult result = resume(r, {"epochs", "device", "check"});
  EXPECT_THAT(result.nothing_to_do, HasSubstr("all 2 epochs"));
  EXPECT_THAT(result.nothing_to_do, HasSubstr("--no-check, --device not recorded"));
  EXPECT_THAT(result.hint, HasSubstr("--epochs"));
  EXPECT_EQ(storage::read_text(folder_ / "run/log.jsonl"), log);
  r.epochs = 1;
  EXPECT_EQ(error_of([&] { resume(r, {"epochs"}); }).code(), ErrorCode::kUsage);
}

TEST_F(ResumeWith, RunThatPatienceEndedContinuesWithMorePatience) {
  Recipe r = recipe(30);
  r.rate = r.final_factor = 0;
  r.ema = 0;
  r.patience = 1;
  run(r, "run");
  const std::size_t epochs = events("run", "epoch").size();
  EXPECT_THAT(resume(r, {}).nothing_to_do, HasSubstr("no better mAP"));
  r.patience = 3;
  EXPECT_TRUE(resume(r, {"patience"}).nothing_to_do.empty());
  EXPECT_EQ(events("run", "epoch").size(), epochs + 2);
}

TEST_F(ResumeWith, SameDataInAnotherPlaceIsTheSameRun) {
  Recipe r = recipe(2);
  run(r, "whole");
  interrupt(r, "run", 3);
  const std::string moved = folder_ / "moved";
  for (const auto& entry : storage::list(dataset_, true)) {
    storage::copy(entry.uri, moved + entry.uri.substr(dataset_.size()));
    storage::remove(entry.uri);
  }
  r.dataset = moved;
  resume(r, {"dataset"});
  expect_same(model("whole").weights, model("run").weights);
  EXPECT_EQ(recipe_from_toml(run_toml(), "run.toml").dataset, moved);
}

TEST_F(ResumeWith, ChangedClassesAreRejectedWithTheDifferences) {
  interrupt(recipe(2), "run", 3);
  name_classes("cube", 1);
  const Error renamed = error_of([&] { resume({}, {}, true); });
  EXPECT_EQ(renamed.code(), ErrorCode::kInput);
  EXPECT_THAT(renamed.message(), HasSubstr("renamed: 0 \"square\" is now \"cube\""));
  name_classes("square, circle", 2);
  const Error added = error_of([&] { resume({}, {}, true); });
  EXPECT_EQ(added.code(), ErrorCode::kInput);
  EXPECT_THAT(added.message(), HasSubstr("added: \"circle\""));
  EXPECT_THAT(added.hint(), HasSubstr("--from"));
}

TEST_F(ResumeWith, ChangedDataIsRejectedUnlessAccepted) {
  Recipe r = recipe(3);
  interrupt(r, "run", 8);
  Random random(7);
  for (int i = 20; i < 24; ++i) write_square(dataset_, "train", i, random);
  const Error e = error_of([&] { resume({}, {}); });
  EXPECT_EQ(e.code(), ErrorCode::kInput);
  EXPECT_THAT(e.message(),
              HasSubstr("20 images with 20 boxes when the run began, 24 images with 24 boxes now"));
  EXPECT_THAT(e.hint(), HasSubstr("--accept-changed-data"));
  resume({}, {}, true);
  EXPECT_THAT(events("run", "resume").at(0)["changes"].at(0).get<std::string>(),
              HasSubstr("data changed: train"));
  for (const Json& step : events("run", "step")) EXPECT_GE(step["rate"].get<double>(), 0);
  EXPECT_EQ(newest("run").position.epoch, 3);
  EXPECT_TRUE(resume({}, {}).nothing_to_do.size() > 0);  // the new data has been recorded
}

TEST_F(ResumeWith, ChangedNetworkFileIsRejectedBeforeACopy) {
  interrupt(recipe(2), "run", 3);
  std::string cfg = tiny_cfg();
  cfg.replace(cfg.find("filters=16"), 10, "filters=32");
  storage::write(folder_ / "tiny.cfg", cfg);
  const Error e = error_of([&] { resume({}, {}); });
  EXPECT_EQ(e.code(), ErrorCode::kInput);
  EXPECT_THAT(e.message(), HasSubstr("differs from the network of the checkpoint"));
  EXPECT_THAT(e.message(), HasSubstr("filters: 16 then, 32 now"));
}

TEST_F(ResumeWith, NetworkFileThatTakesImagesOrBoxesOtherwiseIsRefused) {
  const std::string stretched = "letter_box=0\n", diou = "nms_kind=diounms\nbeta_nms=";
  const struct {
    std::string net_then, net_now, head_then, head_now, message;
  } cases[] = {{"", stretched, "", "", "preprocess fit: \"letterbox\" then, \"stretch\" now"},
               {stretched, "", "", "", "preprocess fit: \"stretch\" then, \"letterbox\" now"},
               {"", "", diou + ".75\n", diou + ".5\n", "diou_exponent: 0.75 then, 0.5 now"}};
  const auto write_cfg = [&](const std::string& net, const std::string& head) {
    std::string cfg = tiny_cfg() + head;
    storage::write(folder_ / "tiny.cfg", cfg.insert(cfg.find("width="), net));
  };
  for (const auto& c : cases) {
    const std::string name = storage::join("runs", std::to_string(&c - cases));
    const Recipe r = recipe(2);
    write_cfg(c.net_then, c.head_then);
    interrupt(r, name, 3);
    write_cfg(c.net_now, c.head_now);
    const Error e = error_of([&] { go_on(name); });
    EXPECT_EQ(e.code(), ErrorCode::kInput);
    EXPECT_THAT(e.message(), HasSubstr(c.message));
  }
}

TEST_F(ResumeWith, ImageThatBecomesUnreadableCostsNoTraining) {
  Recipe r = recipe(3);
  r.cache_mb = 0;
  TrainOptions options{.out = place("run")};
  int asked = 0;
  const std::string victim = storage::join(dataset_, "images/train/03.png");
  const Bytes sound(storage::read(victim));
  const std::vector<std::byte> kept(sound.span().begin(), sound.span().end());
  options.stop = [&] {
    if (++asked == 7) storage::write(victim, "broken");
    return false;
  };
  const Error e = error_of([&] { train::train(r, options, progress_); });
  EXPECT_EQ(e.code(), ErrorCode::kInput);
  EXPECT_THAT(e.what(), HasSubstr("03.png"));
  EXPECT_THAT(e.hint(), HasSubstr("--resume"));
  EXPECT_GE(newest("run").position.step, 6);
  storage::write(victim, kept);
  run(r, "whole");
  go_on("run");
  expect_same(model("whole").weights, model("run").weights);
}

TEST_F(Resume, BrokenRunTomlIsRefusedWithItsPlaceAndAWayOut) {
  interrupt(recipe(2), "run", 3);
  const run::Paths paths{place("run")};
  const std::string whole = storage::read_text(paths.recipe());
  const std::string cut = whole.substr(0, whole.find("\n[schedule]") + 1);
  for (const std::string& broken : {std::string(), cut, whole.substr(0, whole.find("[made]")),
                                    "epochs = \n" + whole, std::string("\xff\0x", 3)}) {
    storage::write(paths.recipe(), broken);
    for (const std::string& dataset : {std::string(), dataset_}) {  // also where DATASET is given
      TrainOptions options{.out = paths.folder, .resume = true};
      Recipe wanted;
      wanted.dataset = dataset;
      if (!dataset.empty()) options.given = {"dataset"};
      const Error e = error_of([&] { train::train(wanted, options, progress_); });
      EXPECT_EQ(e.code(), ErrorCode::kInput);
      EXPECT_THAT(e.place(), HasSubstr("run.toml"));
      EXPECT_THAT(e.hint(), HasSubstr("--from " + paths.model()));
    }
  }
}

TEST_F(Resume, MissingLogBeginsAgainWithTheEpochsSoFar) {
  Recipe r = recipe(3);
  run(r, "whole");
  interrupt(r, "run", 14);  // in the third epoch
  storage::remove(place("run/log.jsonl"));
  go_on("run");
  expect_same(model("whole").weights, model("run").weights);
  EXPECT_THAT(events("run", "warning").at(0)["text"].get<std::string>(),
              HasSubstr("log.jsonl was missing"));
  EXPECT_EQ(events("run", "start").size(), 1U);
  const auto epochs = events("run", "epoch"), others = events("whole", "epoch");
  ASSERT_EQ(epochs.size(), 3U);
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    for (const char* key : {"epoch", "step", "train", "val", "map50", "verdict"}) {
      EXPECT_EQ(epochs[i][key], others[i][key]) << key;
    }
  }
}

TEST_F(Resume, MissingModelIsToldAndMadeOfTheEpochsToCome) {
  interrupt(recipe(3), "run", 13);
  storage::remove(place("run/model.oko"));
  go_on("run");
  EXPECT_THAT(events("run", "warning").at(0)["text"].get<std::string>(),
              HasSubstr("model.oko was missing"));
  EXPECT_EQ(model("run").metadata["training"]["epoch"], 2);
  EXPECT_TRUE(model("run").metadata.contains("metrics"));
}

TEST_F(Resume, ResumeWithoutARunIsAnInputError) {
  EXPECT_EQ(error_of([&] { go_on("nothing"); }).code(), ErrorCode::kInput);
}

}  // namespace
}  // namespace oko::train

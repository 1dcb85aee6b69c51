#pragma once

#include <functional>
#include <set>
#include <string>

#include "oko/base/progress.h"
#include "oko/train/recipe.h"

namespace oko::train {

struct TrainResult {
  std::string model, report;  // URIs
  double map50 = 0, map = 0;  // of the model, on the validation split
  bool validated = false;
  double seconds = 0;
  std::string verdict;
  // Resumed at its end: nothing was trained or changed. Says why, and how to go on.
  std::string nothing_to_do, hint;
};

struct TrainOptions {
  std::string out;      // run folder
  bool resume = false;  // go on from the newest checkpoint there
  // Keys of the recipe that the user asked for. On resume they are compared with what run.toml
  // records: those that may change are taken and recorded, others refused. The rest of the recipe
  // is the recorded one.
  std::set<std::string> given = {};
  bool accept_changed_data = false;  // on resume: go on though images or boxes are not the same
  // Asked after every update and every epoch: true makes it write a checkpoint and leave with
  // kInterrupted.
  std::function<bool()> stop = [] { return false; };
};

// The whole run: reads and checks the dataset, builds the network, takes over pretrained weights,
// tells what time and memory it will take, trains the frozen and the full stage, evaluates every
// epoch, writes log, checkpoints, stage.oko, model.oko and report.html (by run::Writer, beside the
// training; all is written when it returns). Throws kUsage where `out` already holds a run and
// resume is off, kFailed where the loss becomes infinite or diverges (the last good checkpoint
// stays and the pictures of the batch are named) or another process has gone on with the run,
// kStorage where its files cannot be written. On resume also kUsage for options that cannot change
// and kInput where classes, network or data (unless accepted) are not those the run began with. An
// image that cannot be read in the middle ends it after a checkpoint.
TrainResult train(Recipe recipe, const TrainOptions& options, Progress& progress);

}  // namespace oko::train

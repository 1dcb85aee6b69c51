#pragma once

#include <functional>
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
};

struct TrainOptions {
  std::string out;      // run folder
  bool resume = false;  // go on from the newest checkpoint there
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
// kStorage where its files cannot be written.
TrainResult train(Recipe recipe, const TrainOptions& options, Progress& progress);

}  // namespace oko::train

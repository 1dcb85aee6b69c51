#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "oko/base/progress.h"
#include "oko/train/launch.h"
#include "oko/train/recipe.h"

namespace oko::train {

struct TrainResult {
  std::string model, report;  // URIs
  double map50 = 0, map = 0;  // of the model on the validation split
  bool validated = false;
  double seconds = 0;
  std::string verdict;
  // Resumed after its end: nothing was trained or changed. Says why, and how to continue.
  std::string nothing_to_do, hint;
  int worker = 0, workers = 1;  // which of how many; only worker 0 has the rest
};

struct TrainOptions {
  std::string out;      // run folder
  bool resume = false;  // continue from the newest checkpoint there
  // Keys of the recipe that the user set. On resume they are compared with run.toml: those that may
  // change are applied and recorded, others rejected. The rest of the recipe is the recorded one.
  std::set<std::string> given = {};
  bool accept_changed_data = false;   // on resume: continue although images or boxes changed
  std::optional<Launch> launch = {};  // one of several workers
  int join_seconds = 0;               // JoinOptions::seconds
  // Called after every update and every epoch: if true, training writes a checkpoint and throws
  // kInterrupted.
  std::function<bool()> stop = [] { return false; };
};

// The whole run: reads and checks the dataset, builds the network, loads pretrained weights,
// predicts time and memory, trains the frozen and the full stage, evaluates every epoch, writes
// log, checkpoints, stage.oko, model.oko and report.html (by run::Writer, in the background; all is
// written when it returns). Throws kUsage if `out` already contains a run and resume is off,
// kFailed if the loss becomes infinite or diverges (the last good checkpoint is kept and the images
// of the batch are named), if there is too little memory or if another process has resumed the run,
// kStorage if its files cannot be written. On resume also kUsage for options that cannot change and
// kInput if classes, network or data (unless accepted) differ from those the run began with. An
// image that becomes unreadable stops the run after a checkpoint.
//
// With `launch` all workers call it, and train together as one would with the same recipe. Worker 0
// alone uses the run folder; `stop` of any stops all. Throws kWorkerLost, on worker 0 after a
// checkpoint, if one is gone or does not come, and the error of another worker that failed.
TrainResult train(Recipe recipe, const TrainOptions& options, Progress& progress);

}  // namespace oko::train

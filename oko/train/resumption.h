#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oko/run/run.h"
#include "oko/train/checkpoint.h"
#include "oko/train/record.h"
#include "oko/train/trainer.h"

namespace oko::train {

// What is known of a run before it is resumed.
struct Resumption {
  RunRecord record;  // with the changed values
  std::vector<RecipeChange> changes;
  std::optional<Checkpoint> checkpoint;  // the newest
  std::vector<std::string> skipped;      // checkpoints that are broken
};

// Reads the run, with the user's changes applied. Throws an input Error if there is none or it
// cannot continue, a usage Error for a change that is not possible.
Resumption read_run(const Recipe& wanted, const TrainOptions& options, const run::Paths& paths);

// The result of a finished run, with `nothing_to_do` set; nothing if there is something to train.
std::optional<TrainResult> nothing_to_do(const Resumption& resumption, const run::Paths& paths);

// The newest checkpoint; another process may have written it since the last read. Throws an input
// Error if its classes are others. `skipped` is updated.
std::optional<Checkpoint> newest_now(Resumption& resumption,
                                     const std::vector<std::string>& classes,
                                     const run::Paths& paths);

// What has changed, one line each; empty if nothing has.
std::vector<std::string> changes_of(const Resumption& resumption,
                                    const std::vector<std::string>& data_differences);

}  // namespace oko::train

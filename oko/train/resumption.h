#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oko/run/run.h"
#include "oko/train/checkpoint.h"
#include "oko/train/record.h"
#include "oko/train/trainer.h"

namespace oko::train {

// Throws a usage Error if the folder contains a run, or files that a run would overwrite.
void refuse_a_second_run(const run::Paths& paths);

// Checks what would otherwise fail at the first checkpoint or at the end. Throws a storage Error.
void check_outputs(const run::Paths& paths);

// Whether the run ends because its best epoch is too long ago.
bool patience_is_over(const Recipe& recipe, const Position& position);

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

// If the run is finished and everything is written: the message for it. Nothing changes.
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

#pragma once

#include <set>
#include <string>
#include <vector>

#include "oko/cli/cli.h"
#include "oko/jobs/backend.h"
#include "oko/jobs/spec.h"
#include "oko/train/recipe.h"
#include "oko/weights/known.h"

namespace oko::cli {

// The command of a job, checked before the job is submitted.
struct TrainCommand {
  std::vector<std::string> words;  // "train" …, without --out and --resume
  train::Recipe recipe;            // what they mean
  std::set<std::string> given;     // keys of the recipe that they set
  std::string out;                 // value of --out; empty: not given
  std::string title;               // for the job's name: that of the dataset
  // Files and folders of this machine among the words, and what lies beside these.
  std::vector<jobs::Input> inputs;
  // What --from names, also by "auto": its files are among the inputs, and may have to be fetched.
  const weights::Known* known_weights = nullptr;
  bool names_missing_files = false;  // by absolute paths: the workers may have them
};

// Parses the words as `oko train` would. Throws its usage Errors, and one if the command is another
// or continues a run.
TrainCommand parse_train_command(const std::vector<std::string>& words);

// Throws what the training would throw before its first update, before anything is copied or paid
// for. What cannot be reached from this machine is not checked, with a note.
void check_training(const TrainCommand& train, const jobs::Spec& spec, const jobs::Backend& backend,
                    const Context& context);

// Throws an input Error unless everything that a dataset refers to is in its folder, so that a copy
// of the folder is complete.
void check_copy_is_complete(const std::string& dataset);

}  // namespace oko::cli

#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "oko/cli/recipe_flags.h"

namespace oko::cli {

struct TrainArguments {
  RecipeArguments recipe;
  std::string out = "runs/1";
  bool resume = false, accept_changed_data = false;
  int join_seconds = 0;
};

// Adds `train` without an action to run, for whoever must understand its words: `arguments`, which
// must outlive the command, has what was parsed.
CLI::App& add_train_flags(CLI::App& app, TrainArguments& arguments);

}  // namespace oko::cli

#pragma once

#include <CLI/CLI.hpp>
#include <set>
#include <string>

#include "oko/train/recipe.h"

namespace oko::cli {

// What commands that train, or plan to, are given of a recipe.
struct RecipeArguments {
  train::Recipe flags;  // the defaults, and what flags set
  std::string file;     // --recipe
  std::string dataset;  // DATASET
};

void add_dataset_argument(CLI::App& command, RecipeArguments& arguments);
// --recipe, and every field of the recipe as a flag with its default in the help.
void add_recipe_flags(CLI::App& command, RecipeArguments& arguments);

// Keys of the recipe that are named on the command line.
std::set<std::string> given_keys(const RecipeArguments& arguments, const CLI::App& command);

// The recipe file with the flags that are given; without one the flags alone.
train::Recipe recipe_of(const RecipeArguments& arguments, const std::set<std::string>& given);

}  // namespace oko::cli

#pragma once

#include <set>
#include <string>

#include "oko/base/progress.h"
#include "oko/train/recipe.h"

namespace oko::train {

struct CheckOptions {
  std::set<std::string> given;  // keys of the recipe that the user set
  int workers = 1;              // that are to train together
  bool reads_data = true;  // without: the dataset is not read, as it cannot be reached from here
};

// Throws what train() would throw for this recipe before its first update, without writing or
// training anything: the dataset is read and its images opened, the network built, pretrained
// weights loaded. Built without LibTorch, it checks only the recipe itself.
void check(Recipe recipe, const CheckOptions& options, Progress& progress);

}  // namespace oko::train

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/dataset/loader.h"
#include "oko/graph/network.h"
#include "oko/train/loss.h"
#include "oko/train/optimizer.h"
#include "oko/train/recipe.h"
#include "oko/train/record.h"
#include "oko/train/schedule.h"

namespace oko::train {

// A recipe worked out on its dataset: all that the loop needs, nothing left to choose.
struct Setup {
  Recipe recipe;                   // every "auto" replaced by what was chosen
  dataset::Dataset train, val;     // val may be empty
  graph::Network network;          // with the pretrained weights that fit; the rest is drawn later
  std::vector<bool> pretrained;    // layers to freeze in stage 1
  std::vector<std::string> notes;  // what was chosen and why, a line each, for a person
  DataRecord data;                 // of train and val
  Asked asked;                     // what the recipe left to choose
  // What differs from the data the run began with, a line a split; only where that was accepted.
  std::vector<std::string> data_differences;
};

// The run that set_up() works out anew to go on with it.
struct ResumedRun {
  std::string folder;
  DataRecord data;                          // as recorded
  const graph::Network* network = nullptr;  // of its newest checkpoint, if there is one
  bool accept_changed_data = false;
};

// Reads and checks the dataset, makes the network with anchors from the data, takes over weights.
// Throws an input Error where the dataset has errors that would spoil training, where its classes
// or the network are not those of `resumed`, and where its data are not and that is not accepted.
Setup set_up(Recipe recipe, Progress& progress, const ResumedRun* resumed = nullptr);

LossOptions loss_options(const Recipe& recipe);
OptimizerOptions optimizer_options(const Recipe& recipe);
// Of stage 1 or 2, whose `epochs` have `steps` updates each.
ScheduleOptions schedule_options(const Recipe& recipe, int stage, std::int64_t steps_per_epoch);
// Loader of the training split for an epoch; the last `plain_epochs` go without mosaic and mix-up.
dataset::LoaderOptions loader_options(const Setup& setup, bool plain);

}  // namespace oko::train

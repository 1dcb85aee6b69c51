#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/dataset/loader.h"
#include "oko/graph/network.h"
#include "oko/train/loss.h"
#include "oko/train/recipe.h"
#include "oko/train/record.h"
#include "oko/train/workers.h"

namespace oko::train {

// A recipe resolved against its dataset: everything the loop needs, with no choices left open.
struct Setup {
  Recipe recipe;                // every "auto" replaced by the choice
  dataset::Dataset train, val;  // val may be empty
  graph::Network network;  // with the pretrained weights that fit; the rest is initialized later
  std::string weights;     // the pretrained file; empty: training starts from scratch
  std::vector<bool> pretrained;    // layers to freeze in stage 1
  std::vector<std::string> notes;  // what was chosen and why, one line each, for the user
  DataRecord data;                 // of train and val
  Asked asked;                     // what the recipe left to choose
  // Differences from the data the run began with, one line per split; only if they were accepted.
  std::vector<std::string> data_differences;
  int share = 0, shares = 1;  // of several workers: which one this is, whose part of every batch
};

// The run that set_up() resumes.
struct ResumedRun {
  std::string folder;
  DataRecord data;                          // as recorded
  const graph::Network* network = nullptr;  // of its newest checkpoint, if there is one
  bool accept_changed_data = false;
};

// Reads and checks the dataset, builds the network with anchors from the data, loads weights.
// Throws an input Error if the dataset has errors that would spoil training, if its classes or the
// network differ from those of `resumed`, or if its data differs and that is not accepted.
// Several workers call it together, with the recipe of worker 0: the others read only the dataset,
// and get all else from it. Throws a usage Error on all if their datasets differ.
Setup set_up(Recipe recipe, Progress& progress, const ResumedRun* resumed = nullptr,
             Workers* workers = nullptr);

// The batch for this many training images, where the recipe leaves it open.
constexpr int usual_batch(std::int64_t images) {
  return static_cast<int>(std::clamp<std::int64_t>(images / 10, 2, 16));
}

LossOptions loss_options(const Recipe& recipe);
// Options of the loader; `plain`: without mosaic and mix-up, for the last `plain_epochs`.
dataset::LoaderOptions loader_options(const Setup& setup, bool plain);

}  // namespace oko::train

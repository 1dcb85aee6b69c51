#pragma once

#include <cstdint>

#include "oko/base/progress.h"
#include "oko/cost/predict.h"
#include "oko/graph/network.h"
#include "oko/train/recipe.h"

namespace oko::train {

// What a run would do, and what a little of it took on this machine.
struct ProbeResult {
  Recipe recipe;           // every choice made
  graph::Network network;  // without weights
  std::int64_t images = 0, val_images = 0;
  // Mean area of the inputs relative to the network's: 1 without --multi-scale.
  double mean_area = 1;
  cost::Probe probe;
};

struct ProbeOptions {
  double seconds = 20;
  std::int64_t images = 0;  // that will be trained on, if the dataset is only a part of them
};

// Times updates of this run on images of its dataset, loading and decoding them, and an evaluation,
// for about options.seconds (longer if a single update takes longer); the first of each are
// discarded. Writes nothing. For large networks batches are smaller than the run's; what an update
// costs apart from its images is counted once for a whole batch. Throws what train() throws for the
// same recipe.
ProbeResult probe(Recipe recipe, const ProbeOptions& options, Progress& progress);

}  // namespace oko::train

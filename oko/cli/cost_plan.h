#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "oko/base/progress.h"
#include "oko/cost/predict.h"
#include "oko/graph/network.h"
#include "oko/train/recipe.h"

namespace oko::cli {

// A run whose cost is asked for.
struct CostPlan {
  train::Recipe recipe;
  graph::Network network;
  cost::Workload workload;
  std::optional<cost::Probe> probe;  // only with a dataset
};

struct CostPlanOptions {
  // What the dataset will have, if the recipe's is a part of it or none is given; -1: as it is.
  std::int64_t images = -1, val_images = -1;
  int workers = 1;
  double probe_seconds = 20;
};

// With a dataset in the recipe: probes training on it (oko/train/probe.h). Without: needs the
// number of images, and nothing is measured. Throws usage and input Errors as training does.
CostPlan plan_cost(train::Recipe recipe, const CostPlanOptions& options, Progress& progress);

// "GPU=IMAGES_PER_SECOND", or "GPU=RUN" with the folder of a run of this network on one such GPU,
// whose log says how fast it was apart from waiting for images.
cost::Measured parse_measured(const std::string& text, const CostPlan& plan);

}  // namespace oko::cli

#pragma once

#include <cstdint>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"

namespace oko::dataset {

struct SplitOptions {
  double val = .1, test = 0;  // fractions of the images; the rest is train
  std::uint64_t seed = 1;
  int threads = 0;  // 0: all processors
};

// The dataset with a new split into train, val and test in which each part gets its share of every
// class's boxes and of the background images (iterative stratification: the rarest class first).
// Images that are or look the same stay together, so that nothing leaks; this opens every image.
// Deterministic for a seed. Throws a usage Error for invalid fractions.
Dataset split(const Dataset& dataset, const SplitOptions& options, Progress& progress);

}  // namespace oko::dataset

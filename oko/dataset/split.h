#pragma once

#include <cstdint>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"

namespace oko::dataset {

struct SplitOptions {
  double val = .1, test = 0;  // shares of the pictures; the rest is train
  std::uint64_t seed = 1;
  int threads = 0;  // 0: all processors
};

// The dataset with its pictures shared out anew to train, val and test so that each split gets its
// share of every class's boxes and of the background pictures (iterative stratification: the rarest
// class first). Pictures that are or look the same stay together, so that nothing leaks; for that
// every picture is opened. Deterministic for a seed. Throws a usage Error for shares that make no
// sense.
Dataset split(const Dataset& dataset, const SplitOptions& options, Progress& progress);

}  // namespace oko::dataset

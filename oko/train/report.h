#pragma once

#include <string>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/run/evaluate.h"
#include "oko/run/run.h"

namespace oko::train {

// Evaluates the run's model.oko, if there is one, as `oko eval` would on `val`, with LibTorch, and
// writes report.html from that and the log. Everything must have been written before.
run::Evaluation write_report(const run::Paths& paths, const dataset::Dataset& val, int threads,
                             const std::string& device, Progress& progress);

}  // namespace oko::train

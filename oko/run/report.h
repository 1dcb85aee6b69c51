#pragma once

#include <string>
#include <vector>

#include "oko/base/json.h"
#include "oko/dataset/dataset.h"
#include "oko/run/evaluate.h"

namespace oko::run {

struct ReportInput {
  std::string title;
  std::vector<Json> log;                      // empty for an evaluation without a run
  std::string recipe;                         // run.toml's text, may be empty
  const Evaluation* evaluation = nullptr;     // may be null (the run stopped before the first)
  const dataset::Dataset* dataset = nullptr;  // what was evaluated: images for the worst cases
  int worst_pictures = 12;
};

// One self-contained HTML file (no scripts or fonts from elsewhere): verdict in words, loss parts
// and mAP curves, PR curve and AP per class, confusion matrix, the images with the worst errors
// with true and found boxes, recipe, timings.
std::string make_report(const ReportInput& input);

}  // namespace oko::run

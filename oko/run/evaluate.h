#pragma once

#include <string>
#include <vector>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/detect/detector.h"
#include "oko/metrics/average_precision.h"

namespace oko::run {

struct EvaluateOptions {
  float score_threshold = .005F;  // low, so that the whole curve is there
  float nms_iou = .45F;
  int batch = 8;
};

struct Evaluation {
  std::vector<std::string> classes;
  std::vector<metrics::Picture> pictures;  // in the dataset's order
  std::vector<metrics::ClassResult> iou50;
  double map50 = 0;           // area
  double map50_11 = 0;        // 11 points
  metrics::CocoSummary coco;
  metrics::BestF1 best_f1;
  metrics::Confusion confusion;  // at the best F1's threshold
  double seconds = 0;
};

// Runs the detector over every picture of the dataset (letterboxed from the stored pixels) and
// counts. The dataset's class names must be the network's, in any order that maps by name; otherwise
// a usage Error tells both lists.
Evaluation evaluate(detect::Detector& detector, const dataset::Dataset& dataset,
                    const EvaluateOptions& options, Progress& progress);

// The counting alone, from pictures already detected.
Evaluation summarize(std::vector<std::string> classes, std::vector<metrics::Picture> pictures);

}  // namespace oko::run

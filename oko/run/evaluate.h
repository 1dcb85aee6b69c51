#pragma once

#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/detect/detector.h"
#include "oko/metrics/average_precision.h"

namespace oko::run {

// What counts when a model is measured, in training and after: scores so low that the whole curve
// is there, and the best 500 boxes of a picture. (An untrained network finds something in every
// cell; without a limit its boxes would fill the memory.)
detect::Thresholds measuring_thresholds();

struct EvaluateOptions {
  detect::Thresholds thresholds = measuring_thresholds();
  int batch = 8;
  int threads = 0;  // for decoding pictures ahead of the engine; 0: all processors
};

// An image that was not measured, because it could not be read.
struct UnreadableImage {
  std::size_t sample = 0;  // in the dataset
  Error error;
};

struct Evaluation {
  std::vector<std::string> classes;  // the dataset's
  // In the dataset's order; those that could not be read have neither objects nor detections.
  std::vector<metrics::Picture> pictures;
  std::vector<UnreadableImage> unreadable;
  std::size_t measured() const { return pictures.size() - unreadable.size(); }
  std::vector<metrics::ClassResult> iou50;
  double map50 = 0;     // area
  double map50_11 = 0;  // 11 points
  metrics::CocoSummary coco;
  metrics::BestF1 best_f1;
  metrics::Confusion confusion;  // at the best F1's threshold
  double seconds = 0;
};

// Runs the detector over every picture of the dataset (letterboxed from the stored pixels) and
// counts. Classes are matched by name, in any order: each name of the dataset must be one of the
// network's, otherwise a usage Error tells both lists. What a network finds of classes that the
// dataset does not label is left out. An image that cannot be read is skipped and listed; where
// none can, the first one's Error is thrown.
Evaluation evaluate(detect::Detector& detector, const dataset::Dataset& dataset,
                    const EvaluateOptions& options, Progress& progress);

// A picture as the metrics count it: its true objects, and what was found in it, both with the
// dataset's classes.
metrics::Picture counted(const dataset::Sample& sample, std::vector<detect::Detection> found);

// The counting alone, from pictures already detected.
Evaluation summarize(std::vector<std::string> classes, std::vector<metrics::Picture> pictures);

// The point of a class's curve that counts all detections with at least this score; zeros where
// there are none.
metrics::CurvePoint at_threshold(const metrics::ClassResult& result, float score);

}  // namespace oko::run

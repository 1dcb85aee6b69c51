#pragma once

#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/detect/detector.h"
#include "oko/metrics/average_precision.h"
#include "oko/metrics/small_objects.h"

namespace oko::run {

// The thresholds for evaluation, in training and after: scores low enough for the whole curve, and
// the best 500 boxes per image. (An untrained network finds something in every cell; without a
// limit its boxes would fill the memory.)
detect::Thresholds measuring_thresholds();

struct EvaluateOptions {
  detect::Thresholds thresholds = measuring_thresholds();
  int batch = 8;
  int tiles = 1;    // Detector::detect_tiled(); more than 1: images run one by one
  int threads = 0;  // for decoding images ahead of the engine; 0: all cores
};

// An image that was skipped because it could not be read.
struct UnreadableImage {
  std::size_t sample = 0;  // in the dataset
  Error error;
};

struct Evaluation {
  std::vector<std::string> classes;  // the dataset's
  // In the dataset's order; unreadable ones have neither objects nor detections.
  std::vector<metrics::Picture> pictures;
  std::vector<UnreadableImage> unreadable;
  std::size_t measured() const { return pictures.size() - unreadable.size(); }
  std::vector<metrics::ClassResult> iou50;
  double map50 = 0;     // area
  double map50_11 = 0;  // 11 points
  metrics::SmallObjects small;
  metrics::CocoSummary coco;
  metrics::BestF1 best_f1;
  metrics::Confusion confusion;  // at the threshold with the best F1
  double seconds = 0;
};

// Runs the detector on every image of the dataset (letterboxed from the stored pixels) and computes
// the metrics. Classes are matched by name, in any order: each class of the dataset must be one of
// the network's, otherwise a usage Error shows both lists. Detections of classes that the dataset
// does not label are ignored. Unreadable images are skipped and listed; if all fail, the first
// Error is thrown.
Evaluation evaluate(detect::Detector& detector, const dataset::Dataset& dataset,
                    const EvaluateOptions& options, Progress& progress);

// An image as the metrics see it: its true objects and its detections, both with the dataset's
// classes.
metrics::Picture counted(const dataset::Sample& sample, std::vector<detect::Detection> found);

// Only the metrics, from existing detections.
Evaluation summarize(std::vector<std::string> classes, std::vector<metrics::Picture> pictures);

// The point of a class's curve with all detections of at least this score; zeros if there are none.
metrics::CurvePoint at_threshold(const metrics::ClassResult& result, float score);

}  // namespace oko::run

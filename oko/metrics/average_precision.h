#pragma once

#include <span>
#include <string>
#include <vector>

#include "oko/detect/detection.h"
#include "oko/image/geometry.h"

namespace oko::metrics {

struct TrueBox {
  int class_id = 0;
  image::Box box;
  bool difficult = false;  // VOC: neither matching nor missing it counts
  bool crowd = false;  // COCO: any number of detections may match it (by fraction of their area)
};

// One image: ground truth and detections.
struct Picture {
  std::vector<TrueBox> truth;
  std::vector<detect::Detection> found;
};

enum class Interpolation {
  kArea,       // area under the interpolated precision-recall curve (VOC 2010+)
  kPoints11,   // mean of the interpolated precision at 11 recalls (VOC 2007)
  kPoints101,  // at 101 recalls (COCO)
};

struct Options {
  double iou = .5;
  bool inclusive_pixels = false;  // the old VOC convention: width = right − left + 1
};

// A point of the precision-recall curve; the threshold is the score of the last detection counted.
struct CurvePoint {
  float score = 0, precision = 0, recall = 0;
};

struct ClassResult {
  int class_id = 0;
  int truths = 0;  // excluding difficult and crowd ones
  int true_positives = 0, false_positives = 0;
  std::vector<CurvePoint>
      curve;  // by descending score, one point per detection (excluding ignored ones)
};

// Matches detections to truths like VOC's development kit: by descending score over all images,
// each to the truth of its class that it overlaps most; the first one to match a truth is correct,
// any other one is wrong. One that matches none but lies in a crowd is ignored, like one that
// matches a difficult truth. Ties are processed in the order of images, then input order. One
// result per class, including classes without truth. Throws an input Error for a class outside [0,
// classes).
std::vector<ClassResult> evaluate(std::span<const Picture> pictures, int classes,
                                  const Options& options = {});

double average_precision(const ClassResult& result, Interpolation interpolation);

// Mean over the classes that have ground truth; 0 if none has.
double mean_average_precision(std::span<const ClassResult> results, Interpolation interpolation);

// COCO's headline metric: mean of 101-point mAP over IoU .50, .55, …, .95, matched by COCO's rules:
// at most 100 detections per class and image, an unmatched truth is preferred to a matched one that
// overlaps more. Difficult truths are ignored like crowds, but each absorbs only one detection.
struct CocoSummary {
  double ap = 0, ap50 = 0, ap75 = 0;
  std::vector<double> ap50_by_class;  // NaN for classes without truth
};
CocoSummary coco_summary(std::span<const Picture> pictures, int classes);

// The score threshold with the best F1 over all classes together, and its precision and recall. All
// 0 if nothing is correct at any threshold.
struct BestF1 {
  float score = 0, precision = 0, recall = 0, f1 = 0;
};
BestF1 best_f1(std::span<const ClassResult> results);

// counts[truth][found]; row and column `classes` are "nothing there" and "not found". Detections
// below the threshold are ignored; the best overlap wins whatever its class. Difficult truths and
// crowds are not counted, nor are detections on them.
struct Confusion {
  int classes = 0;
  std::vector<int> counts;  // (classes + 1)²
  int at(int truth, int found) const {
    return counts[static_cast<std::size_t>(truth) * (static_cast<std::size_t>(classes) + 1) +
                  static_cast<std::size_t>(found)];
  }
};
Confusion confusion(std::span<const Picture> pictures, int classes, float score_threshold,
                    double iou = .5);

}  // namespace oko::metrics

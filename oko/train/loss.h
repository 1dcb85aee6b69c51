#pragma once

#include <span>

#include "oko/dataset/augment.h"
#include "oko/graph/network.h"
#include "oko/train/choices.h"

namespace oko::train {

struct LossOptions {
  LossKind kind = LossKind::kCiou;
  // kCiou only. An anchor is assigned to a truth if the IoU of their shapes is above this.
  float anchor_iou = .3F;
  float box_gain = 3, objectness_gain = 1, class_gain = 1;
  float label_smoothing = 0;
};

// The parts of the loss, kept separate so that a user sees which one is stuck.
struct LossParts {
  double box = 0;         // x, y, w, h or 1 − CIoU
  double objectness = 0;  // in cells with an object
  double no_object = 0;   // in cells without one
  double classes = 0;
  int positives = 0;  // predictions assigned to a truth
  double iou = 0;     // sum of their IoUs with it
  LossParts& operator+=(const LossParts& other);
  double total() const { return box + objectness + no_object + classes; }
};

// Loss of one head for one image.
//   raw       head's input, channels × height × width, planar
//   gradient  the same size: filled with d loss / d raw
//   input     the network's input size in pixels
// Sources: the three projects' published losses; kDarknet is checked against a run of the original,
// delta by delta.
LossParts head_loss(const graph::Yolo& head, graph::Shape map, image::Size input,
                    std::span<const float> raw, std::span<const dataset::Truth> truths,
                    const LossOptions& options, std::span<float> gradient);

}  // namespace oko::train

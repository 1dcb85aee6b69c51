#pragma once

#include <span>

#include "oko/dataset/augment.h"
#include "oko/graph/network.h"

namespace oko::train {

// Which detection loss. All three give a picture's sum, later divided by the batch.
//   kDarknet  pjreddie/darknet's yolo layer: squared deltas for reporting, their signs as gradient
//   kKeras    the Keras port's: cross entropy for x, y, objectness, class; squares for w, h
//   kCiou     1 − CIoU (Zheng et al. 2020) for boxes, cross entropy for the rest, and every anchor
//             whose shape fits a truth well answers for it, not the best one alone
enum class LossKind { kDarknet, kKeras, kCiou };

struct LossOptions {
  LossKind kind = LossKind::kCiou;
  // kCiou only. An anchor answers for a truth when the IoU of their shapes is above this.
  float anchor_iou = .3F;
  float box_gain = 3, objectness_gain = 1, class_gain = 1;
  float label_smoothing = 0;
};

// The parts of the loss, apart, so that a user sees which one is stuck.
struct LossParts {
  double box = 0;         // x, y, w, h or 1 − CIoU
  double objectness = 0;  // where there is an object
  double no_object = 0;   // where there is none
  double classes = 0;
  int positives = 0;  // predictions that answer for a truth
  double iou = 0;     // sum of their IoU with it
  LossParts& operator+=(const LossParts& other);
  double total() const { return box + objectness + no_object + classes; }
};

// Loss of one head for one picture.
//   raw       head's input, channels × height × width, planar
//   gradient  the same size: filled with d loss / d raw
//   input     the network's input size in pixels
// Sources: facts of the three projects' published losses; the Darknet kind is checked against a run
// of the original, delta by delta.
LossParts head_loss(const graph::Yolo& head, graph::Shape map, image::Size input,
                    std::span<const float> raw, std::span<const dataset::Truth> truths,
                    const LossOptions& options, std::span<float> gradient);

}  // namespace oko::train

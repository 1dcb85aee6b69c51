#pragma once

#include "oko/train/head.h"

namespace oko::train {

// YOLOv3's heads: anchors at every cell, each with a box, an objectness and class scores.
const HeadKind& yolo_head();

// The loss of one head for one image.
struct YoloLoss {
  double box = 0;         // x, y, w, h or 1 − CIoU
  double objectness = 0;  // in cells with an object
  double no_object = 0;   // in cells without one
  double classes = 0;
  int positives = 0;  // predictions assigned to a truth
  double iou = 0;     // sum of their IoUs with it
  double total() const { return box + objectness + no_object + classes; }
};

//   shape     of `raw`, the head's input, planar
//   gradient  the same size: filled with d loss / d raw
//   input     the network's input size in pixels
// Sources: choices.h
YoloLoss yolo_loss(const graph::Yolo& head, graph::Shape shape, image::Size input,
                   std::span<const float> raw, std::span<const dataset::Truth> truths,
                   const LossOptions& options, std::span<float> gradient);

}  // namespace oko::train

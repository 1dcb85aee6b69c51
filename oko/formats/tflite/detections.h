#pragma once

#include <array>
#include <optional>
#include <vector>

#include "oko/formats/tflite/model.h"

namespace oko::formats::tflite {

// The custom operator by which SSDs and EfficientDets of TensorFlow's Object Detection API end.
bool is_detections(const Operator& op);

// How values become boxes: divided by scales of y, x, h and w.
struct BoxCoding {
  int classes = 0;
  std::array<float, 4> scales{};
};
std::optional<BoxCoding> coding_of(const Operator& op);

// What it computes before it suppresses boxes: those of [n, 4] or [1, n, 4] values y, x, h, w and
// anchors of the same form, as [1, n, 4] top, left, bottom, right in parts of the input, then their
// scores of all classes but the background, [1, n, classes]. Nothing if shapes are not as they
// should be.
std::optional<std::vector<graph::Tensor>> unsuppressed(const BoxCoding& coding,
                                                       const graph::Tensor& values,
                                                       const graph::Tensor& scores,
                                                       const graph::Tensor& anchors);

}  // namespace oko::formats::tflite

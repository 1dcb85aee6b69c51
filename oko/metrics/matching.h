#pragma once

// Shared by the ways of matching detections to truths.

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

#include "oko/base/error.h"
#include "oko/metrics/average_precision.h"

namespace oko::metrics {

// Every class id must be one of `classes`: a dataset and a model may come from different lists.
inline void check_classes(std::span<const Picture> pictures, int classes) {
  const auto check = [&](std::size_t picture, int id) {
    if (id >= 0 && id < classes) return;
    throw input_error("image " + std::to_string(picture),
                      "class " + std::to_string(id) + " is not one of " + std::to_string(classes),
                      "evaluate with the class list that the model was trained with");
  };
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    for (const auto& truth : pictures[i].truth) check(i, truth.class_id);
    for (const auto& found : pictures[i].found) check(i, found.class_id);
  }
}

// Areas are computed in double: an overlap of exactly .65 must reach a threshold of .65.
inline double area(const image::Box& box, double grow = 0) {
  return std::max(0., double{box.right} - box.left + grow) *
         std::max(0., double{box.bottom} - box.top + grow);
}

inline image::Box shared_part(const image::Box& a, const image::Box& b) {
  return {std::max(a.left, b.left), std::max(a.top, b.top), std::min(a.right, b.right),
          std::min(a.bottom, b.bottom)};
}

// Intersection over union. `grow` is 1 if right and bottom are inclusive, else 0.
inline double overlap(const image::Box& a, const image::Box& b, double grow = 0) {
  const double shared = area(shared_part(a, b), grow);
  const double all = area(a, grow) + area(b, grow) - shared;
  return all > 0 ? shared / all : 0;
}

// The fraction of a detection inside a crowd region.
inline double share_inside(const image::Box& found, const image::Box& crowd) {
  const double whole = area(found);
  return whole > 0 ? area(shared_part(found, crowd)) / whole : 0;
}

}  // namespace oko::metrics

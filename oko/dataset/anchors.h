#pragma once

#include <cstdint>
#include <vector>

#include "oko/dataset/dataset.h"
#include "oko/graph/network.h"
#include "oko/image/letterbox.h"

namespace oko::dataset {

// How well anchors fit the boxes of a dataset, comparing sizes only (with common centres).
struct AnchorFit {
  std::vector<graph::Anchor> anchors;  // pixels of the network's input, by area
  double mean_best_iou = 0;            // of each box with its best anchor
  double recall = 0;                   // fraction of the boxes whose best IoU is above .5
  std::size_t boxes = 0;
};

// k-means over box sizes with 1 − IoU as the distance, k-means++ starts, the best of several runs.
// Sizes are measured on the network's input, after the letterbox: anchors in pixels of differently
// sized images would fit none of them. Deterministic for a seed. If there are fewer distinct sizes
// than k, scaled copies fill up. Crowd regions are ignored. Samples need their size (fill_sizes).
// Throws an input Error if there is no box, a usage Error for k outside 1…64.
AnchorFit cluster_anchors(const Dataset& dataset, int k, image::Size input,
                          const image::Preprocess& preprocess, std::uint64_t seed = 1);

// The fit of existing anchors.
AnchorFit measure_anchors(const Dataset& dataset, std::vector<graph::Anchor> anchors,
                          image::Size input, const image::Preprocess& preprocess);

double mean_best_iou(const Dataset& dataset, const std::vector<graph::Anchor>& anchors,
                     image::Size input, const image::Preprocess& preprocess);

}  // namespace oko::dataset

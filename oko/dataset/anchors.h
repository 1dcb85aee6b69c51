#pragma once

#include <cstdint>
#include <vector>

#include "oko/dataset/dataset.h"
#include "oko/graph/network.h"
#include "oko/image/letterbox.h"

namespace oko::dataset {

// How well anchors fit the boxes of a dataset, both taken as sizes only (centres laid together).
struct AnchorFit {
  std::vector<graph::Anchor> anchors;  // pixels of the network's input, by area
  double mean_best_iou = 0;            // of each box with its best anchor
  double recall = 0;                   // share of the boxes whose best IoU is above .5
  std::size_t boxes = 0;
};

// k-means over box sizes with 1 − IoU as the distance, k-means++ starts, the best of several runs.
// Sizes are measured on the network's input, after the letterbox: anchors made from the pixels of
// pictures of many sizes fit none of them. Deterministic for a seed. Where there are fewer distinct
// sizes than k, scaled copies fill up. Crowd regions do not count. Samples need their size
// (fill_sizes). Throws an input Error where there is no box, a usage Error for k outside 1…64.
AnchorFit cluster_anchors(const Dataset& dataset, int k, image::Size input,
                          const image::Preprocess& preprocess, std::uint64_t seed = 1);

// The fit of given anchors.
AnchorFit measure_anchors(const Dataset& dataset, std::vector<graph::Anchor> anchors,
                          image::Size input, const image::Preprocess& preprocess);

double mean_best_iou(const Dataset& dataset, const std::vector<graph::Anchor>& anchors,
                     image::Size input, const image::Preprocess& preprocess);

}  // namespace oko::dataset

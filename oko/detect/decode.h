#pragma once

#include <span>
#include <vector>

#include "oko/detect/detection.h"
#include "oko/graph/network.h"

namespace oko::detect {

// Raw output of one head for one image: channels × height × width, planar, from the layer before
// the head.
using HeadMap = std::span<const float>;

// Throws a usage Error for thresholds that fit no frame: not one class score per class, a score
// that is NaN, for soft suppression a soft_sigma that is not above 0.
void check(const Thresholds& thresholds, int class_count);

// Decodes the raw outputs of all heads (in network.heads() order) into boxes in pixels of the
// network's input, before suppression. Replaces the content of `found` (its memory is reused). A
// class is listed if its score is above its threshold; sigmoids are computed only where the
// objectness, if there is one, passes. Order: head, anchor, row, column, class; of heads of
// distances: head, class, row, column. Non-finite boxes (of a diverged network) are skipped. The
// results are bit-identical on every machine. Throws if the outputs do not fit the heads, and what
// check() does.
void decode(const graph::Network& network, std::span<const HeadMap> heads,
            const Thresholds& thresholds, std::vector<Detection>& found);

// The same with one threshold for all classes.
std::vector<Detection> decode(const graph::Network& network, std::span<const HeadMap> heads,
                              float score_threshold);

// The highest score of any box, whatever its size: shown to the user if nothing passes
// the threshold. Costs little more than reading every objectness once.
float best_score(const graph::Network& network, std::span<const HeadMap> heads);

}  // namespace oko::detect

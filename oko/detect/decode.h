#pragma once

#include <span>
#include <vector>

#include "oko/detect/detection.h"
#include "oko/graph/network.h"

namespace oko::detect {

// Raw output of one head for one picture: channels × height × width, planar, as the layer before
// [yolo] or [region] makes it.
using HeadMap = std::span<const float>;

// Turns the raw maps of all heads (in network.heads() order) into boxes in pixels of the network's
// input, not yet suppressed, and puts them into `found` in place of what is there (its memory is
// used again). A class is listed when its score, objectness × class, is above its threshold;
// sigmoids are computed only where the objectness passes. Order: head, anchor, row, column, class.
// Boxes that are not finite (a diverged network) are left out. The same maps give the same bits on
// every machine. Throws where the maps do not fit the heads, and a usage Error for thresholds that
// make no sense: class scores that are not one for each class, a score that is not a number, a
// soft_sigma that is not above 0.
void decode(const graph::Network& network, std::span<const HeadMap> heads,
            const Thresholds& thresholds, std::vector<Detection>& found);

// The same with one threshold for all classes.
std::vector<Detection> decode(const graph::Network& network, std::span<const HeadMap> heads,
                              float score_threshold);

// The highest objectness × class of any box, whatever its size: what a user is told when nothing
// passes the threshold. Costs little more than one look at every objectness.
float best_score(const graph::Network& network, std::span<const HeadMap> heads);

}  // namespace oko::detect

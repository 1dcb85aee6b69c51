#pragma once

#include "oko/graph/network.h"

namespace oko::train {

// Published networks can have tiny features, since weight decay shrinks the scales of their batch
// norms: those of NanoDet-Plus deviate by .05. Updates of an optimizer like Adam have about one
// size, so that new rows of the heads would learn twenty times too slowly and scales change too
// fast. Scales all features, from the first convolution to the inputs of the heads, by one factor,
// so that half of the channels with batch norm deviate by more than 1; the network computes what it
// did. Changes nothing where an activation or another layer does not commute with a factor. The
// network needs its weights.
void normalize_features(graph::Network& network);

}  // namespace oko::train

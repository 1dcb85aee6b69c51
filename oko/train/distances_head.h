#pragma once

#include "oko/train/head.h"

namespace oko::train {

// Heads without anchors that score classes and give a box's sides as distributions
// (graph::Distances), trained as NanoDet-Plus is: objects take the priors whose predictions cost
// least, by class and overlap together (a dynamic soft label assigner); quality focal loss for the
// classes, GIoU and distribution focal loss for the sides.
const HeadKind& distances_head();

}  // namespace oko::train

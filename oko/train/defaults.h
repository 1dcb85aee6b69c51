#pragma once

#include <string>

#include "oko/train/recipe.h"

namespace oko::train {

// The recipe where only the network and the weights to start from are given, as in Recipe::network
// and Recipe::from. Recipe{} is that of networks with anchors; those without (graph::Distances)
// differ in augmentation, decay and limits, and fine-tuning them takes fewer epochs. Unknown
// networks are reported later, when they are built.
Recipe default_recipe(const std::string& network, const std::string& from);

}  // namespace oko::train

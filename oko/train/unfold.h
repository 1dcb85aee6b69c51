#pragma once

#include <optional>
#include <vector>

#include "oko/dataset/dataset.h"
#include "oko/graph/network.h"
#include "oko/train/recipe.h"

namespace oko::train {

// How many images unfold_batch_norms() runs at most.
inline constexpr std::size_t kUnfoldImages = 200;

// The batch norm of each layer, by index; nothing: it has none.
using BatchNorms = std::vector<std::optional<graph::BatchNorm>>;

// Exported models have their batch norm folded into kernels and biases, and without one a deep
// network hardly trains. Gives each convolution in `norms`, which has none, a batch norm with the
// mean and variance of its own output on some of `images`, drawn by the recipe's seed, and with the
// scale and bias that undo it: the network computes what it did, and trains like one that never
// lost it. The network needs its weights; device and threads are the recipe's. Throws an input
// Error if an image cannot be read.
void unfold_batch_norms(graph::Network& network, const BatchNorms& norms,
                        const dataset::Dataset& images, const Recipe& recipe);

}  // namespace oko::train

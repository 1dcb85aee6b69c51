#pragma once

#include <string>
#include <vector>

#include "oko/graph/network.h"
#include "oko/seal/mark/chips.h"

// Watermarks that tell whose copy of a model a leaked one is: spread spectrum with the original at
// hand. Each customer's copy has weights that differ by a random ±strength of their layer's spread,
// far below what changes a result.
namespace oko::seal {

struct MarkOptions {
  // Of the standard deviation of a layer's weights. At .005 mAP50 moves by less than one training
  // of the same network differs from another.
  double strength = .005;
};

// The customer's copy. Throws an input Error if the network has no weights to mark: only kernels of
// at least 512 are.
graph::Network marked(graph::Network network, const MarkKey& key, const std::string& customer,
                      const MarkOptions& options = {});

// The layers that are marked: convolutions by index.
std::vector<int> marked_layers(const graph::Network& network);

// Of the values around their mean.
double deviation(std::span<const float> values);

}  // namespace oko::seal

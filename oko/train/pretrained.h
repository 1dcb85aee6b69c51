#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oko/dataset/dataset.h"
#include "oko/graph/network.h"
#include "oko/train/recipe.h"

namespace oko::train {

// A file with weights to start from.
struct Pretrained {
  graph::Network network;
  // How images became the input that the weights were trained on, if the file says so.
  std::optional<image::Preprocess> preprocess;
  int unfolded = 0;  // convolutions whose batch norm was folded
};

// Reads a model of any format, or Darknet weights of `network` or of its first layers. If all its
// convolutions are like those of `network`, in the same order, it gets the names of their layers,
// and batch norms that the file has folded are restored (unfold.h), measured on `images` as the
// recipe says. Throws an input Error for a broken file, a usage Error for one that cannot hold
// weights.
Pretrained read_pretrained(const graph::Network& network, const std::string& uri,
                           const dataset::Dataset& images, const Recipe& recipe);

// What to do about a file whose layers do not fit the network.
std::string hint_about(const graph::Network& source);

// Layers whose output a head reads.
std::vector<bool> output_convolutions(const graph::Network& network);

}  // namespace oko::train

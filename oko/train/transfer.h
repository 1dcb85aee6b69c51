#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oko/dataset/dataset.h"
#include "oko/graph/network.h"
#include "oko/train/recipe.h"

namespace oko::train {

// What could be used from a pretrained file.
struct Transfer {
  std::vector<bool> loaded;  // by layer: all weights came from the file
  int convolutions = 0;      // number of such convolutions
  int of = 0;                // convolutions in the network
  int heads_adapted = 0;     // output convolutions of which all but the classes was reused
  int unfolded = 0;          // convolutions that had lost their batch norm
  // How images became the input that the weights were trained on, if the file says so.
  std::optional<image::Preprocess> preprocess;
  std::string description;  // one sentence for the user
};

// Fills `network` with pretrained weights from an .oko file, a model file of another format, a
// Darknet .weights file of the same network with any class count, or a prefix of one. If only the
// class count differs, the other channels of the heads are reused (and classes with the same name),
// so that fine-tuning starts from a working detector. Layers correspond by their names, or in order
// if all convolutions are alike. Convolutions whose batch norm is folded get it back, measured on
// `images` (unfold.h) as the recipe says. Weights that do not fit are skipped. Throws an input
// Error if nothing fits, a usage Error for a model whose format cannot be read.
Transfer load_pretrained(graph::Network& network, const std::string& uri,
                         const dataset::Dataset& images = {}, const Recipe& recipe = {});

}  // namespace oko::train

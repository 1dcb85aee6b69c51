#pragma once

#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::train {

// What could be used from a pretrained file.
struct Transfer {
  std::vector<bool> loaded;  // by layer: all weights came from the file
  int convolutions = 0;      // number of such convolutions
  int of = 0;                // convolutions in the network
  int heads_adapted = 0;     // output convolutions of which all but the classes was reused
  std::string description;   // one sentence for the user
};

// Fills `network` with pretrained weights from an .oko file, a Darknet .weights file of the same
// network with any class count, or a prefix of one. If only the class count differs, the other
// channels of the heads are reused (and classes with the same name), so that fine-tuning
// starts from a working detector. Weights that do not fit are skipped. Throws an input Error if
// nothing fits, a usage Error for a model of another format.
Transfer load_pretrained(graph::Network& network, const std::string& uri);

// Layers whose output a head reads.
std::vector<bool> output_convolutions(const graph::Network& network);

}  // namespace oko::train

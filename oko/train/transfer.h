#pragma once

#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::train {

// What of a pretrained file could be used.
struct Transfer {
  std::vector<bool> loaded;  // by layer: weights came from the file whole
  int convolutions = 0;      // how many such there are
  int of = 0;                // convolutions in the network
  int heads_adapted = 0;     // output convolutions whose boxes and objectness were taken over
  std::string description;   // one sentence for a person
};

// Fills `network` with pretrained weights from an .oko file, a Darknet .weights file of the same
// network with any class count, or a prefix of one. Where only the class count differs, the box and
// objectness channels of the heads are taken over (and the classes of the same name), so that
// fine-tuning starts from a detector that already finds things. Weights that do not fit are left
// out. Throws an input Error where nothing fits.
Transfer load_pretrained(graph::Network& network, const std::string& uri);

// Layers whose output a yolo head reads.
std::vector<bool> output_convolutions(const graph::Network& network);

}  // namespace oko::train

#pragma once

#include <map>
#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::seal {

// The kernel of one of the original's convolutions as it is in a suspect, in the original's order
// of channels.
struct Aligned {
  int layer = 0;              // of the original
  std::vector<float> values;  // as the original's
  double likeness = 0;  // mean correlation of their filters, without regard to sign: 1 for a copy
};

// Finds the original's convolutions in a suspect that may be of another format: layers under other
// names and in another order, channels permuted, batch norm folded into kernels. A layer that the
// suspect does not have is left out.
std::vector<Aligned> align(const graph::Network& original, const graph::Network& suspect,
                           const std::vector<int>& layers);

}  // namespace oko::seal

#pragma once

#include "oko/graph/network.h"

namespace oko::graph {

// The same network without dilation: kernels are spread, with zeros between their taps. For
// engines without dilated kernels, in which such layers are rare. Shapes must be inferred. Throws
// an input Error if that would take more than 256 MiB.
Network undilated(Network network);

}  // namespace oko::graph

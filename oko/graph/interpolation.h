#pragma once

#include <algorithm>

#include "oko/graph/network.h"

namespace oko::graph {

// The two rows or columns between which a value is interpolated: low · (1 − part) + high · part.
struct Between {
  int low = 0, high = 0;
  float part = 0;
};

// Of position `at` among `to`, in a side of `from`.
inline Between between(Grid grid, int at, int from, int to) {
  const double x = at;
  const double ratio = static_cast<double>(from) / to;
  double place = 0;
  switch (grid) {
    case Grid::kHalfPixel:
      place = (x + .5) * ratio - .5;
      break;
    case Grid::kCorners:
      place = to > 1 ? x * (from - 1) / (to - 1) : 0;
      break;
    case Grid::kAsymmetric:
      place = x * ratio;
      break;
  }
  place = std::clamp(place, 0., from - 1.);
  const int low = static_cast<int>(place);
  return {low, std::min(low + 1, from - 1), static_cast<float>(place - low)};
}

}  // namespace oko::graph

#pragma once

#include <optional>
#include <vector>

#include "oko/graph/network.h"

namespace oko::formats {

// Follows where the values of a map go through operations that only move them, to find the layer
// that they are together: formats write shuffles and orders of pixels as reshapes and transposes.
class Moves {
 public:
  // A map of these sides, the first of which is 1: rows, columns and channels, or (`planar`)
  // channels first. Invalid if it has others, or more than 2^22 values.
  explicit Moves(std::vector<int> sides);

  bool is_valid() const { return !places_.empty(); }
  std::int64_t count() const { return std::ssize(places_); }
  // Each returns false, and the map stays as it is, where the operation does not fit it.
  bool reshape(const std::vector<int>& sides);
  bool transpose(const std::vector<int>& order);
  bool space_to_depth(const graph::SpaceToDepth& layout, bool planar);  // rows or channels

  // The layer that makes of the first map what it is now: a Shuffle or a SpaceToDepth. Nothing if
  // it is neither of them, or if the last operation left no map.
  std::optional<graph::Operation> layer(bool planar) const;

 private:
  std::vector<int> first_, sides_;
  std::vector<int> places_;  // of the values, in the first map
};

}  // namespace oko::formats

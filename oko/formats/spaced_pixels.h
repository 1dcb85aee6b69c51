#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "oko/graph/network.h"

namespace oko::formats {

// Every step-th row and column of a map. The pixels of whole squares, concatenated, are a
// graph::SpaceToDepth: files of YOLOv5 and YOLOX begin so ("focus").
struct SpacedPixels {
  std::string from;                            // the map
  std::array<int, 2> first{0, 0}, step{1, 1};  // rows, columns

  // Takes every step-th from `begin` to `end` along rows (axis 0) or columns (1), of which the map
  // has `side`. False, and nothing is changed, if that is not every one of them or was done before.
  bool take(std::size_t axis, std::int64_t begin, std::int64_t end, std::int64_t step_by,
            std::int64_t side);
};

// What the concatenation of these is; nothing if they are not all pixels of squares in an order
// that a layer has.
std::optional<graph::SpaceToDepth> squares_of(std::span<const SpacedPixels> parts);

}  // namespace oko::formats

#pragma once

#include "oko/graph/network.h"

namespace oko::graph {

struct Pixel {
  int channel = 0, row = 0, column = 0;
};

// Which value of its input, of shape `in`, a value of a SpaceToDepth layer is.
//
// Darknet's [reorg] computes, with W and H those of the input and C its channels, for every value
// of a map of C channels, H rows and W columns its place in one of C / block² channels, H · block
// rows and W · block columns, as if it went from depth to space; then it copies the other way.
inline Pixel space_to_depth_source(const SpaceToDepth& layout, const Shape& in, const Pixel& to) {
  const int block = layout.block, square = block * block;
  const auto from = [&](int channel, int row, int column) {
    return Pixel{channel, to.row * block + row, to.column * block + column};
  };
  switch (layout.order) {
    case SpaceToDepth::Order::kRows:
      return from(to.channel % in.channels, to.channel / in.channels / block,
                  to.channel / in.channels % block);
    case SpaceToDepth::Order::kColumns:
      return from(to.channel % in.channels, to.channel / in.channels % block,
                  to.channel / in.channels / block);
    case SpaceToDepth::Order::kChannels:
      return from(to.channel / square, to.channel % square / block, to.channel % block);
    case SpaceToDepth::Order::kDarknet:
      break;
  }
  // The place of the value in memory, as a value of the input's shape.
  const std::int64_t place =
      (std::int64_t{to.channel} * (in.height / block) + to.row) * (in.width / block) + to.column;
  const int column = static_cast<int>(place % in.width);
  const int row = static_cast<int>(place / in.width % in.height);
  const int channel = static_cast<int>(place / in.width / in.height);
  const int wide = in.width * block, high = in.height * block, deep = in.channels / square;
  const int part = channel / deep;
  const std::int64_t source =
      (std::int64_t{channel % deep} * high + std::int64_t{row} * block + part / block) * wide +
      std::int64_t{column} * block + part % block;
  return {static_cast<int>(source / in.width / in.height),
          static_cast<int>(source / in.width % in.height), static_cast<int>(source % in.width)};
}

}  // namespace oko::graph

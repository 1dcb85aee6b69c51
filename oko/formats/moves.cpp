#include "oko/formats/moves.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "oko/graph/space_to_depth.h"

namespace oko::formats {

using graph::Pixel;
using graph::Shape;

namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 22;

// 0 if a side is not positive; no more than slightly above kMost.
std::int64_t count_of(const std::vector<int>& sides) {
  std::int64_t count = 1;
  for (const int side : sides) count = side < 1 ? 0 : std::min(count * side, kMost + 1);
  return count;
}

bool is_order(const std::vector<int>& order, std::size_t rank) {
  std::vector<int> sorted = order, wanted(rank);
  std::ranges::sort(sorted);
  std::iota(wanted.begin(), wanted.end(), 0);
  return sorted == wanted;
}

// Rows × columns × channels, or channels first.
Shape shape_of(const std::vector<int>& sides, bool planar) {
  return planar ? Shape{sides[1], sides[2], sides[3]} : Shape{sides[3], sides[1], sides[2]};
}
int place_of(const Pixel& pixel, const Shape& shape, bool planar) {
  return planar ? (pixel.channel * shape.height + pixel.row) * shape.width + pixel.column
                : (pixel.row * shape.width + pixel.column) * shape.channels + pixel.channel;
}

// Whether every value of a map is the one of the first map that `source` says.
bool comes_from(std::span<const int> places, const Shape& out, const Shape& in, bool planar,
                const auto& source) {
  for (int c = 0; c < out.channels; ++c) {
    for (int y = 0; y < out.height; ++y) {
      for (int x = 0; x < out.width; ++x) {
        const Pixel pixel{c, y, x};
        if (places[place_of(pixel, out, planar)] != place_of(source(pixel), in, planar)) {
          return false;
        }
      }
    }
  }
  return true;
}

}  // namespace

Moves::Moves(std::vector<int> sides) : first_(std::move(sides)), sides_(first_) {
  const std::int64_t count = count_of(sides_);
  if (sides_.size() != 4 || sides_[0] != 1 || count > kMost) return;
  places_.resize(static_cast<std::size_t>(count));
  std::iota(places_.begin(), places_.end(), 0);
}

bool Moves::reshape(const std::vector<int>& sides) {
  if (count_of(sides) != count()) return false;
  sides_ = sides;
  return true;
}

bool Moves::transpose(const std::vector<int>& order) {
  const std::size_t rank = sides_.size();
  if (!is_order(order, rank)) return false;
  std::vector<int> steps(rank, 1), at(rank, 0), sides;
  for (std::size_t i = rank; i-- > 1;) steps[i - 1] = steps[i] * sides_[i];
  for (const int side : order) sides.push_back(sides_[side]);
  std::vector<int> places;
  places.reserve(places_.size());
  int from = 0;
  while (places.size() < places_.size()) {
    places.push_back(places_[from]);
    for (std::size_t i = rank; i-- > 0;) {  // the next one, last dimension fastest
      from += steps[order[i]];
      if (++at[i] < sides[i]) break;
      from -= steps[order[i]] * at[i];
      at[i] = 0;
    }
  }
  sides_ = std::move(sides);
  places_ = std::move(places);
  return true;
}

bool Moves::space_to_depth(const graph::SpaceToDepth& layout, bool planar) {
  if (sides_.size() != 4 || sides_[0] != 1) return false;
  const Shape in = shape_of(sides_, planar);
  const int b = layout.block, rows = in.height / b, columns = in.width / b;
  if (in.height % b != 0 || in.width % b != 0) return false;
  const bool by_rows = layout.order == graph::SpaceToDepth::Order::kRows;
  if (planar) {
    reshape({in.channels, rows, b, columns, b});
    transpose(by_rows ? std::vector{2, 4, 0, 1, 3} : std::vector{0, 2, 4, 1, 3});
    return reshape({1, in.channels * b * b, rows, columns});
  }
  reshape({rows, b, columns, b, in.channels});
  transpose(by_rows ? std::vector{0, 2, 1, 3, 4} : std::vector{0, 2, 4, 1, 3});
  return reshape({1, rows, columns, in.channels * b * b});
}

std::optional<graph::Operation> Moves::layer(bool planar) const {
  using Order = graph::SpaceToDepth::Order;
  if (sides_.size() != 4 || sides_[0] != 1) return std::nullopt;
  const Shape in = shape_of(first_, planar), out = shape_of(sides_, planar);
  if (in == out) {
    if (in.channels < 2) return std::nullopt;
    const int second = places_[place_of({1, 0, 0}, out, planar)];  // of the second part the first
    const int step = planar ? second / (in.height * in.width) : second % in.channels;
    if (step < 2 || in.channels % step != 0) return std::nullopt;
    const int groups = in.channels / step;
    const auto source = [&](const Pixel& p) {
      return Pixel{p.channel % groups * step + p.channel / groups, p.row, p.column};
    };
    if (groups > 1 && comes_from(places_, out, in, planar, source)) return graph::Shuffle{groups};
    return std::nullopt;
  }
  const int block = in.height / std::max(1, out.height);
  if (block < 2 || out != Shape{in.channels * block * block, in.height / block, in.width / block} ||
      in.height % block != 0 || in.width % block != 0) {
    return std::nullopt;
  }
  for (const Order order : {Order::kRows, Order::kColumns, Order::kChannels, Order::kDarknet}) {
    const graph::SpaceToDepth layout{block, order};
    if (order == Order::kDarknet && in.channels % (block * block) != 0) continue;
    const auto source = [&](const Pixel& p) { return space_to_depth_source(layout, in, p); };
    if (comes_from(places_, out, in, planar, source)) return layout;
  }
  return std::nullopt;
}

}  // namespace oko::formats

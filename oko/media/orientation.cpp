#include <algorithm>

#include "oko/media/picture.h"

namespace oko::media {
namespace {

// How upright pixels map to stored ones: rows are columns, or counted from the far end.
struct Turn {
  bool swaps = false, from_right = false, from_below = false;
};

Turn turn_of(int orientation) {
  if (orientation <= 1 || orientation > 8) return {};
  return {orientation >= 5,
          orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8,
          orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7};
}

}  // namespace

image::Size upright_size(image::Size stored, int orientation) {
  return turn_of(orientation).swaps ? image::Size{stored.height, stored.width} : stored;
}

image::Picture turned_upright(image::Picture stored, int orientation) {
  if (orientation <= 1 || orientation > 8) return stored;
  const auto [swaps, from_right, from_below] = turn_of(orientation);
  const int width = stored.size.width, height = stored.size.height;
  image::Picture upright{upright_size(stored.size, orientation), {}};
  upright.rgb.resize(stored.rgb.size());
  std::uint8_t* to = upright.rgb.data();
  for (int row = 0; row < upright.size.height; ++row) {
    for (int column = 0; column < upright.size.width; ++column, to += 3) {
      int x = swaps ? row : column, y = swaps ? column : row;
      if (from_right) x = width - 1 - x;
      if (from_below) y = height - 1 - y;
      const auto pixel = static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                         static_cast<std::size_t>(x);
      std::copy_n(stored.rgb.data() + 3 * pixel, 3, to);
    }
  }
  return upright;
}

image::Box turned_upright(const image::Box& box, image::Size stored, int orientation) {
  const auto [swaps, from_right, from_below] = turn_of(orientation);
  const auto width = static_cast<float>(stored.width), height = static_cast<float>(stored.height);
  image::Box upright = box;
  if (from_right) upright = {width - box.right, box.top, width - box.left, box.bottom};
  if (from_below) {
    upright = {upright.left, height - upright.bottom, upright.right, height - upright.top};
  }
  if (swaps) upright = {upright.top, upright.left, upright.bottom, upright.right};
  return upright;
}

}  // namespace oko::media

#include <algorithm>

#include "oko/media/picture.h"

namespace oko::media {

image::Size upright_size(image::Size stored, int orientation) {
  return orientation >= 5 ? image::Size{stored.height, stored.width} : stored;
}

image::Picture turned_upright(image::Picture stored, int orientation) {
  if (orientation <= 1 || orientation > 8) return stored;
  const bool swaps = orientation >= 5;
  const int width = stored.size.width, height = stored.size.height;
  image::Picture upright{upright_size(stored.size, orientation), {}};
  upright.rgb.resize(stored.rgb.size());
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_below =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
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

}  // namespace oko::media

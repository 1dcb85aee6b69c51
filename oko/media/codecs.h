#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "oko/image/frame.h"

// JPEG, PNG and TIFF by their own libraries: OpenCV lets them print to standard error, does not
// report missing pixels, and rotates a TIFF even when told not to. Private to this folder.
namespace oko::media {

// The limit set by set_max_pixels().
std::int64_t max_pixels();

struct Decoded {
  enum class State { kWhole, kCut, kBroken };  // kCut: the data ended before the last pixel
  State state = State::kBroken;
  image::Picture picture;  // if the size is not the expected one: only the size, no pixels
};

// `divisor` 1, 2, 4 or 8; `expected` is the size after it.
Decoded decode_jpeg(std::span<const std::byte> file, int divisor, image::Size expected);
Decoded decode_png(std::span<const std::byte> file, image::Size expected);
Decoded decode_tiff(std::span<const std::byte> file, image::Size expected);

}  // namespace oko::media

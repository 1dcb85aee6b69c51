#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "oko/base/error.h"
#include "oko/image/frame.h"

// Images by the formats' own libraries. OpenCV's module for them loads a hundred libraries of other
// formats (GDAL's among them: .2 seconds at every start), lets some print to standard error, does
// not report missing pixels, and rotates a TIFF even when told not to. Private to this folder.
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
Decoded decode_bmp(std::span<const std::byte> file, image::Size expected);
// Of an animation the first frame. A file that is cut is kBroken.
Decoded decode_webp(std::span<const std::byte> file, image::Size expected);

// The Error of an encoder.
Error cannot_encode(image::Size size, const std::string& why);

}  // namespace oko::media

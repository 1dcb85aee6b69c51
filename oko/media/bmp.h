#pragma once

#include <cstddef>
#include <span>

#include "oko/media/codecs.h"

// OpenCV decodes BMP, but prints to standard error where a header is odd or pixels are missing:
// what it would stumble over is found before. Not for inclusion from elsewhere.
namespace oko::media {

// `size` is what the header says.
Decoded::State bmp_state(std::span<const std::byte> file, image::Size size);

}  // namespace oko::media

#pragma once

#include <cstddef>
#include <span>

#include "oko/media/codecs.h"

// OpenCV decodes BMP, but prints to standard error if a header is unusual or pixels are missing, so
// such files are detected beforehand. Private to this folder.
namespace oko::media {

// `size` is the size in the header.
Decoded::State bmp_state(std::span<const std::byte> file, image::Size size);

}  // namespace oko::media

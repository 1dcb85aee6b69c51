#pragma once

#include <cstddef>
#include <span>

#include "oko/media/codecs.h"

// HEIC and AVIF, where libheif was there when oko was built. Not for inclusion from elsewhere.
namespace oko::media {

bool has_heif();
// Upright, as libheif decodes; 0 x 0 where it cannot tell.
image::Size heif_size(std::span<const std::byte> file);
// What decoding takes memory for: the image before a part of it is cut out and it is turned. 0 x 0
// where it cannot tell.
image::Size heif_coded_size(std::span<const std::byte> file);
Decoded decode_heif(std::span<const std::byte> file, image::Size expected);

}  // namespace oko::media

#pragma once

#include <cstddef>
#include <span>

#include "oko/media/codecs.h"

// HEIC and AVIF, if oko was built with libheif. Private to this folder.
namespace oko::media {

bool has_heif();
// Upright, as libheif decodes; 0 x 0 if unknown.
image::Size heif_size(std::span<const std::byte> file);
// The size that decoding needs memory for: before cropping and rotation. 0 x 0 if unknown.
image::Size heif_coded_size(std::span<const std::byte> file);
Decoded decode_heif(std::span<const std::byte> file, image::Size expected);

}  // namespace oko::media

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/image/frame.h"

namespace oko::media {

// What the first bytes of a picture file say, without decoding it.
struct PictureInfo {
  std::string format;        // "jpeg", "png", "bmp", "webp", "gif", "tiff", "" where unknown
  image::Size size;          // as stored, before the EXIF orientation
  int exif_orientation = 1;  // 1…8
  bool truncated = false;    // a JPEG without its end marker, a PNG without IEND
};
PictureInfo probe(const Bytes& file);

// Decodes to RGB as stored (no EXIF turn: annotation tools write boxes in stored pixels; `check`
// warns where it matters). Grey is repeated, CMYK converted, 16 bits cut to 8, transparency
// dropped. Truncated pictures, and those over 2^28 pixels, are refused before decoding. Several
// threads may. Throws an input Error naming `name` where it cannot.
image::Picture decode(const Bytes& file, const std::string& name);
// At a power-of-two fraction (1, 1/2, 1/4 or 1/8) whose sides are still at least `at_least`; JPEG
// does this several times faster than a whole decode. `original` gets the full size.
image::Picture decode_reduced(const Bytes& file, const std::string& name, image::Size at_least,
                              image::Size& original);

std::vector<std::byte> encode_jpeg(const image::Picture& picture, int quality = 90);
std::vector<std::byte> encode_png(const image::Picture& picture);
// Encodes by the extension of `uri` (.jpg, .png) and writes it there.
void save(const image::Picture& picture, const std::string& uri);

// Area-averaging when smaller, bilinear when larger: for people to look at, not for networks.
image::Picture resized(const image::Picture& picture, image::Size size);

}  // namespace oko::media

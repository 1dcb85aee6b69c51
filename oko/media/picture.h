#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/image/frame.h"

namespace oko::media {

// Extensions of pictures (lower case, with the dot), of those that cannot be decoded too: such
// files are told of, not passed by.
bool is_picture_extension(std::string_view extension);
bool is_picture_name(const std::string& uri);  // by its extension, in any case

// What a picture file says of itself, without decoding it.
struct PictureInfo {
  // "jpeg", "png", "bmp", "webp", "gif", "tiff", "heic", "avif", "jp2", "jxl"; "" where unknown
  std::string format;
  image::Size size;          // as stored, before the EXIF orientation
  int exif_orientation = 1;  // 1…8; HEIC and AVIF are decoded upright, so 1
  bool truncated = false;    // without the mark that ends a JPEG or PNG; its pixels may be whole
  image::Size upright_size() const;
};
PictureInfo probe(const Bytes& file);
// The same from the first bytes of a file, without `truncated`; nothing where more of it may tell
// another format, size or orientation.
std::optional<PictureInfo> probe_head(const Bytes& head);

image::Size upright_size(image::Size stored, int exif_orientation);
// Stored pixels, turned as EXIF orientation 1 to 8 says.
image::Picture turned_upright(image::Picture stored, int exif_orientation);
// Where a box of the stored pixels, which are of size `stored`, lies among the upright ones.
image::Box turned_upright(const image::Box& box, image::Size stored, int exif_orientation);

// Pictures of more pixels are refused before they are decoded. For the whole program; to be called
// before the first picture is decoded.
constexpr std::int64_t kUsualMaxPixels = 100'000'000;
constexpr std::int64_t kMostMaxPixels = std::int64_t{1} << 28;
void set_max_pixels(std::int64_t count);

// Decodes to RGB, turned upright as the EXIF orientation says: everything in this program is about
// upright pixels, and the size is PictureInfo::upright_size(). Grey is repeated, CMYK converted, 16
// bits cut to 8, transparency dropped; of an animated WebP and a TIFF of many pages the first
// picture. Files whose pixels are not all there are refused; a JPEG or PNG that lacks only its end
// mark is not. Several threads may. Throws an input Error naming `name` where it cannot.
image::Picture decode(const Bytes& file, const std::string& name);
// At a power-of-two fraction (1, 1/2, 1/4 or 1/8) whose sides are still at least `at_least`; JPEG
// does this several times faster than a whole decode. `original` gets the full size. Both sizes are
// upright.
image::Picture decode_reduced(const Bytes& file, const std::string& name, image::Size at_least,
                              image::Size& original);

std::vector<std::byte> encode_jpeg(const image::Picture& picture, int quality = 90);
std::vector<std::byte> encode_png(const image::Picture& picture);
// Encodes by the extension of `uri` (.jpg, .png) and writes it there.
void save(const image::Picture& picture, const std::string& uri);

// Area-averaging when smaller, bilinear when larger: for people to look at, not for networks.
image::Picture resized(const image::Picture& picture, image::Size size);

}  // namespace oko::media

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

// Extensions of images (lower case, with the dot), including formats that cannot be decoded: such
// files are reported, not ignored.
bool is_picture_extension(std::string_view extension);
bool is_picture_name(const std::string& uri);  // by its extension, case-insensitive

// Information about an image file, without decoding it.
struct PictureInfo {
  // "jpeg", "png", "bmp", "webp", "gif", "tiff", "heic", "avif", "jp2", "jxl"; "" if unknown
  std::string format;
  image::Size size;          // as stored, before the EXIF orientation
  int exif_orientation = 1;  // 1…8; HEIC and AVIF are decoded upright, so 1
  bool truncated = false;    // lacks the end mark of a JPEG or PNG; its pixels may be complete
  image::Size upright_size() const;
};
PictureInfo probe(const Bytes& file);
// The same from the first bytes of a file, without `truncated`; nothing if more of it could change
// format, size or orientation.
std::optional<PictureInfo> probe_head(const Bytes& head);

image::Size upright_size(image::Size stored, int exif_orientation);
// Stored pixels, rotated and mirrored according to EXIF orientation 1 to 8.
image::Picture turned_upright(image::Picture stored, int exif_orientation);
// Converts a box from stored pixels, an image of size `stored`, to upright ones.
image::Box turned_upright(const image::Box& box, image::Size stored, int exif_orientation);

// Images with more pixels are rejected before decoding. Global; call it before the first image is
// decoded.
constexpr std::int64_t kDefaultMaxPixels = 100'000'000;
constexpr std::int64_t kMaxPixelLimit = std::int64_t{1} << 28;
void set_max_pixels(std::int64_t count);

// Decodes to RGB, rotated upright according to the EXIF orientation: everything in this program
// uses upright pixels, and the size is PictureInfo::upright_size(). Grey is replicated, CMYK
// converted, 16 bits reduced to 8, transparency dropped; of an animated WebP or multi-page TIFF the
// first image is used. Files with missing pixels are rejected, but not a JPEG or PNG that lacks
// only its end mark. Thread-safe. Throws an input Error at `name` on failure.
image::Picture decode(const Bytes& file, const std::string& name);
// At a power-of-two fraction (1, 1/2, 1/4 or 1/8) whose sides are still at least `at_least`; JPEG
// does this several times faster than a whole decode. `original` receives the full size. Both sizes
// are upright.
image::Picture decode_reduced(const Bytes& file, const std::string& name, image::Size at_least,
                              image::Size& original);

std::vector<std::byte> encode_jpeg(const image::Picture& picture, int quality = 90);
std::vector<std::byte> encode_png(const image::Picture& picture);
// Encodes by the extension of `uri` (.jpg, .png) and writes it there.
void save(const image::Picture& picture, const std::string& uri);
// Throws the usage Error of save() for a name that is neither; to be asked before long work.
void check_can_save(const std::string& uri);

// Area averaging for shrinking, bilinear for enlarging: for display, not for networks.
image::Picture resized(const image::Picture& picture, image::Size size);

}  // namespace oko::media

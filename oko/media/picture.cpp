#include "oko/media/picture.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <limits>
#include <opencv2/imgproc.hpp>
#include <optional>

#include "oko/base/error.h"
#include "oko/media/codecs.h"
#include "oko/media/heif.h"
#include "oko/media/opencv.h"
#include "oko/storage/store.h"

namespace oko::media {
namespace {

constexpr const char* kKnownFormats = "use JPEG, PNG, BMP, WebP or TIFF";

std::atomic<std::int64_t> g_max_pixels = kDefaultMaxPixels;

std::string to_text(image::Size size) {
  return std::to_string(size.width) + "x" + std::to_string(size.height);
}

bool is_heif(const PictureInfo& info) { return info.format == "heic" || info.format == "avif"; }

void check_format(const Bytes& file, const std::string& name, const PictureInfo& info) {
  if (file.empty()) throw input_error(name, "the file is empty", "copy it again");
  if (info.format.empty()) throw input_error(name, "is not an image", kKnownFormats);
  for (const auto& [format, text] :
       {std::pair("gif", "GIF"), {"jp2", "JPEG 2000"}, {"jxl", "JPEG XL"}}) {
    if (info.format == format) {
      throw input_error(name, std::string(text) + " cannot be decoded", kKnownFormats);
    }
  }
  if (is_heif(info) && !has_heif()) {
    throw input_error(name,
                      std::string("is ") + (info.format == "heic" ? "HEIC" : "AVIF") +
                          ", which this oko was built without",
                      "convert it to JPEG, or build oko with libheif-dev installed");
  }
}

std::int64_t pixels_of(image::Size size) { return std::int64_t{size.width} * size.height; }

// The size that decoding needs memory for: a HEIC or AVIF may be a small crop of a large image.
image::Size coded_size(const Bytes& file, const PictureInfo& info) {
  const image::Size coded = is_heif(info) ? heif_coded_size(file.span()) : image::Size{};
  return pixels_of(coded) > pixels_of(info.size) ? coded : info.size;
}

// Everything that can be rejected before decoding.
PictureInfo check(const Bytes& file, const std::string& name) {
  PictureInfo info = probe(file);
  check_format(file, name, info);
  if (info.size == image::Size{}) {
    throw input_error(name, "the " + info.format + " header has no image size", "copy it again");
  }
  const image::Size size = coded_size(file, info);
  const std::int64_t pixels = pixels_of(size);
  if (pixels > g_max_pixels) {
    throw input_error(
        name, to_text(size) + " is more than " + std::to_string(g_max_pixels) + " pixels",
        pixels > kMaxPixelLimit
            ? "split it into parts or make it smaller"
            : "make it smaller, or allow it with --max-pixels " + std::to_string(pixels));
  }
  if (file.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw input_error(name, "the file is larger than 2 GiB");
  }
  return info;
}

Error broken(const std::string& name) {
  return input_error(name, "the image's data is broken", "copy it again or remove it");
}
Error cut(const std::string& name) {
  return input_error(name, "the file ends before its image does", "copy it again");
}

void check_size(image::Size decoded, image::Size expected, const std::string& name) {
  if (decoded == expected) return;
  throw input_error(name,
                    "the header says " + to_text(expected) + ", the image is " + to_text(decoded),
                    "save it again with an image editor");
}

image::Picture checked(Decoded decoded, image::Size expected, const std::string& name) {
  if (decoded.state == Decoded::State::kCut) throw cut(name);
  if (decoded.picture.size != image::Size{}) check_size(decoded.picture.size, expected, name);
  if (decoded.state == Decoded::State::kBroken) throw broken(name);
  return std::move(decoded.picture);
}

image::Picture decode_stored(const Bytes& file, const PictureInfo& info, const std::string& name) {
  const auto by = [&](Decoded decoded) { return checked(std::move(decoded), info.size, name); };
  if (info.format == "jpeg") return by(decode_jpeg(file.span(), 1, info.size));
  if (info.format == "png") return by(decode_png(file.span(), info.size));
  if (info.format == "tiff") return by(decode_tiff(file.span(), info.size));
  if (is_heif(info)) return by(decode_heif(file.span(), info.size));
  if (info.format == "bmp") return by(decode_bmp(file.span(), info.size));
  if (info.truncated) throw cut(name);
  return by(decode_webp(file.span(), info.size));
}

image::Size reduced_size(image::Size size, int divisor) {  // as libjpeg rounds: up
  return {(size.width + divisor - 1) / divisor, (size.height + divisor - 1) / divisor};
}

int largest_divisor(image::Size size, image::Size at_least) {
  const auto fits = [&](int divisor) {
    const image::Size reduced = reduced_size(size, divisor);
    return reduced.width >= at_least.width && reduced.height >= at_least.height;
  };
  int divisor = 8;
  while (divisor > 1 && !fits(divisor)) divisor /= 2;
  return divisor;
}

}  // namespace

bool is_picture_extension(std::string_view extension) {
  constexpr std::array<std::string_view, 17> kKnown{
      ".jpg",  ".jpeg", ".jpe",  ".jfif", ".mpo", ".png",  ".bmp", ".webp", ".gif",
      ".tiff", ".tif",  ".heic", ".heif", ".hif", ".avif", ".jp2", ".jxl"};
  return std::ranges::find(kKnown, extension) != kKnown.end();
}

bool is_picture_name(const std::string& uri) {
  return is_picture_extension(storage::extension(uri));
}

void set_max_pixels(std::int64_t count) {
  assert(count > 0 && count <= kMaxPixelLimit);
  g_max_pixels = count;
}

std::int64_t max_pixels() { return g_max_pixels; }

image::Size PictureInfo::upright_size() const {
  return media::upright_size(size, exif_orientation);
}

image::Picture decode(const Bytes& file, const std::string& name) {
  const PictureInfo info = check(file, name);
  return turned_upright(decode_stored(file, info, name), info.exif_orientation);
}

image::Picture decode_reduced(const Bytes& file, const std::string& name, image::Size at_least,
                              image::Size& original) {
  const PictureInfo info = check(file, name);
  original = info.upright_size();
  const int divisor = largest_divisor(original, at_least);
  const image::Size size = reduced_size(info.size, divisor);
  image::Picture stored;
  if (divisor > 1 && info.format == "jpeg") {
    stored = checked(decode_jpeg(file.span(), divisor, size), size, name);
  } else {
    stored = decode_stored(file, info, name);
    if (divisor > 1) stored = resized(stored, size);
  }
  return turned_upright(std::move(stored), info.exif_orientation);
}

void check_can_save(const std::string& uri) {
  const std::string extension = storage::extension(uri);
  if (extension == ".jpg" || extension == ".jpeg" || extension == ".png") return;
  throw Error(ErrorCode::kUsage, uri, "images are written as JPEG or PNG",
              "give it a name that ends in .jpg or .png");
}

void save(const image::Picture& picture, const std::string& uri) {
  check_can_save(uri);
  const bool is_png = storage::extension(uri) == ".png";
  storage::write(uri, is_png ? encode_png(picture) : encode_jpeg(picture));
}

image::Picture resized(const image::Picture& picture, image::Size size) {
  assert(size.width > 0 && size.height > 0);
  image::Picture result = blank_picture(size);
  const bool smaller = size.width < picture.size.width || size.height < picture.size.height;
  cv::Mat target = view(result);
  cv::resize(view(picture), target, target.size(), 0, 0,
             smaller ? cv::INTER_AREA : cv::INTER_LINEAR);
  return result;
}

}  // namespace oko::media

#include "oko/media/picture.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "oko/base/error.h"
#include "oko/media/opencv.h"
#include "oko/storage/store.h"

namespace oko::media {
namespace {

constexpr std::int64_t kMaxPixels = std::int64_t{1} << 28;
constexpr const char* kKnownFormats = "use JPEG, PNG, BMP, WebP or TIFF";

std::string to_text(image::Size size) {
  return std::to_string(size.width) + "x" + std::to_string(size.height);
}

// Everything that can be refused before a byte is decoded.
PictureInfo check(const Bytes& file, const std::string& name) {
  if (file.empty()) throw input_error(name, "the file is empty", "copy it again");
  const PictureInfo info = probe(file);
  if (info.format.empty()) throw input_error(name, "this is no picture", kKnownFormats);
  if (info.format == "gif") throw input_error(name, "GIF cannot be decoded", kKnownFormats);
  if (info.truncated) {
    throw input_error(name, "the file ends before its picture does", "copy it again");
  }
  if (info.size == image::Size{}) {
    throw input_error(name, "the " + info.format + " header tells no size", "copy it again");
  }
  if (std::int64_t{info.size.width} * info.size.height > kMaxPixels) {
    throw input_error(name, to_text(info.size) + " is more than 2^28 pixels",
                      "cut it into parts or make it smaller");
  }
  if (file.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw input_error(name, "the file is larger than 2 GiB");
  }
  return info;
}

cv::Mat decode_bgr(const Bytes& file, const std::string& name, int flags) {
  silence_opencv();
  const cv::Mat bytes(1, static_cast<int>(file.size()), CV_8U,
                      const_cast<std::byte*>(file.data()));  // only read
  cv::Mat bgr;
  try {
    bgr = cv::imdecode(bytes, flags | cv::IMREAD_IGNORE_ORIENTATION);
  } catch (const cv::Exception&) {
    bgr.release();  // broken data, as an empty result is
  }
  if (bgr.empty()) {
    throw input_error(name, "the picture's data is broken", "copy it again or leave it out");
  }
  return bgr;
}

image::Size reduced_size(image::Size size, int divisor) {  // as libjpeg rounds: up
  return {(size.width + divisor - 1) / divisor, (size.height + divisor - 1) / divisor};
}

void check_size(image::Size decoded, image::Size expected, const std::string& name) {
  if (decoded == expected) return;
  throw input_error(name,
                    "the header says " + to_text(expected) + ", the picture is " + to_text(decoded),
                    "save it again with an image editor");
}

std::vector<std::byte> encode(const image::Picture& picture, const char* extension,
                              const std::vector<int>& settings) {
  assert(picture.size.width > 0 && picture.size.height > 0);
  silence_opencv();
  cv::Mat bgr;
  cv::cvtColor(view(picture), bgr, cv::COLOR_RGB2BGR);
  std::vector<unsigned char> file;
  try {
    cv::imencode(extension, bgr, file, settings);
  } catch (const cv::Exception& error) {
    throw Error(ErrorCode::kFailed, to_text(picture.size) + " picture",
                std::string("cannot be encoded: ") + error.err);
  }
  const auto bytes = std::as_bytes(std::span(file));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

image::Picture decode(const Bytes& file, const std::string& name) {
  const PictureInfo info = check(file, name);
  const cv::Mat bgr = decode_bgr(file, name, cv::IMREAD_COLOR);
  check_size({bgr.cols, bgr.rows}, info.size, name);
  return picture_from_bgr(bgr);
}

image::Picture decode_reduced(const Bytes& file, const std::string& name, image::Size at_least,
                              image::Size& original) {
  const PictureInfo info = check(file, name);
  original = info.size;
  const auto fits = [&](int divisor) {
    const image::Size size = reduced_size(info.size, divisor);
    return size.width >= at_least.width && size.height >= at_least.height;
  };
  int divisor = 8;
  while (divisor > 1 && !fits(divisor)) divisor /= 2;
  if (divisor == 1) return decode(file, name);
  const image::Size size = reduced_size(info.size, divisor);
  if (info.format != "jpeg") return resized(decode(file, name), size);
  const int flags = divisor == 2   ? cv::IMREAD_REDUCED_COLOR_2
                    : divisor == 4 ? cv::IMREAD_REDUCED_COLOR_4
                                   : cv::IMREAD_REDUCED_COLOR_8;
  const cv::Mat bgr = decode_bgr(file, name, flags);
  check_size({bgr.cols, bgr.rows}, size, name);
  return picture_from_bgr(bgr);
}

std::vector<std::byte> encode_jpeg(const image::Picture& picture, int quality) {
  return encode(picture, ".jpg", {cv::IMWRITE_JPEG_QUALITY, quality});
}

std::vector<std::byte> encode_png(const image::Picture& picture) {
  return encode(picture, ".png", {});
}

void save(const image::Picture& picture, const std::string& uri) {
  const std::string extension = storage::extension(uri);
  if (extension == ".jpg" || extension == ".jpeg") {
    storage::write(uri, encode_jpeg(picture));
  } else if (extension == ".png") {
    storage::write(uri, encode_png(picture));
  } else {
    throw Error(ErrorCode::kUsage, uri, "pictures are written as JPEG or PNG",
                "give it a name that ends in .jpg or .png");
  }
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

// Compares the decoders and encoders with OpenCV's.
#include <gtest/gtest.h>

#include <opencv2/imgcodecs.hpp>
#include <string>
#include <vector>

#include "oko/base/random.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::media {
namespace {

using image::Picture;
using image::Size;

Picture noise(Size size) {
  Random random(7);
  Picture picture{size, std::vector<std::uint8_t>(std::size_t{3} * size.width * size.height)};
  // Smooth across, so that encoders have something to save.
  for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
    picture.rgb[i] = static_cast<std::uint8_t>(i / 7 + random.below(20));
  }
  return picture;
}

// What OpenCV makes of the file, as RGB; no size if nothing.
Picture by_opencv(const std::vector<std::byte>& file) {
  const cv::Mat bytes(1, static_cast<int>(file.size()), CV_8U, const_cast<std::byte*>(file.data()));
  const cv::Mat bgr = cv::imdecode(bytes, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
  Picture picture{{bgr.cols, bgr.rows}, {}};
  for (int y = 0; y < bgr.rows; ++y) {
    for (int x = 0; x < bgr.cols; ++x) {
      const auto& pixel = bgr.at<cv::Vec3b>(y, x);
      picture.rgb.insert(picture.rgb.end(), {pixel[2], pixel[1], pixel[0]});
    }
  }
  return picture;
}

void expect_as_opencv(const std::vector<std::byte>& file, const std::string& what) {
  const Picture ours = decode(Bytes(file), what), theirs = by_opencv(file);
  ASSERT_EQ(ours.size, theirs.size) << what;
  EXPECT_EQ(ours.rgb, theirs.rgb) << what;
}

struct Bmp {
  std::uint32_t bits = 24, compression = 0, colours = 0;
  int width = 13, height = 6;
  std::vector<std::uint32_t> masks{};
  std::vector<int> runs{};  // in place of random rows
};

std::vector<std::byte> file_of(const Bmp& bmp) {
  std::vector<std::byte> file;
  const auto put = [&](std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) file.push_back(std::byte(value >> 8 * i & 0xff));
  };
  const std::uint32_t palette = bmp.bits > 8      ? 0
                                : bmp.colours > 0 ? bmp.colours
                                                  : std::uint32_t{1} << bmp.bits;
  const auto masks = static_cast<std::uint32_t>(bmp.masks.size());
  put('B' | 'M' << 8, 2), put(0, 4), put(0, 4), put(54 + 4 * (palette + masks), 4);
  put(40, 4), put(static_cast<std::uint32_t>(bmp.width), 4);
  put(static_cast<std::uint32_t>(bmp.height), 4), put(1, 2), put(bmp.bits, 2);
  put(bmp.compression, 4), put(0, 4), put(0, 4), put(0, 4), put(bmp.colours, 4), put(0, 4);
  for (const std::uint32_t mask : bmp.masks) put(mask, 4);
  Random random(3);
  for (std::uint32_t i = 0; i < palette; ++i) put(random.below(1 << 24), 4);
  const std::uint32_t row = (bmp.bits * static_cast<std::uint32_t>(bmp.width) + 31) / 32 * 4;
  for (const int byte : bmp.runs) file.push_back(std::byte(byte));
  if (!bmp.runs.empty()) return file;
  for (std::uint32_t i = 0; i < row * static_cast<std::uint32_t>(std::abs(bmp.height)); ++i) {
    put(random.below(256), 1);
  }
  return file;
}

TEST(Codecs, ReadEveryDepthOfBmpAsOpenCvDoes) {
  for (const std::uint32_t bits : {1U, 4U, 8U, 16U, 24U, 32U}) {
    for (const int height : {6, -6}) {
      expect_as_opencv(file_of({.bits = bits, .height = height}), std::to_string(bits) + " bits");
    }
  }
  expect_as_opencv(file_of({.bits = 16, .compression = 3, .masks = {0xf800, 0x7e0, 0x1f}}), "565");
  expect_as_opencv(file_of({.bits = 16, .compression = 3, .masks = {0x7c00, 0x3e0, 0x1f}}), "555");
  expect_as_opencv(file_of({.bits = 32, .compression = 3, .masks = {0xff0000, 0xff00, 0xff}}),
                   "masks of 32 bits");
}

// Runs, single pixels, a move, and rows that end early.
TEST(Codecs, ReadRunsOfBmpAsOpenCvDoes) {
  Bmp bmp{.bits = 8, .compression = 1, .colours = 9, .width = 10, .height = 4};
  bmp.runs = {10, 3, 0, 0, 2, 5, 0, 3, 1, 2, 3, 0, 5, 4, 0, 0, 3, 6, 0, 2, 2, 1, 2, 7, 0, 0, 0, 1};
  expect_as_opencv(file_of(bmp), "8 bits");
  bmp.bits = 4, bmp.compression = 2;
  bmp.runs = {10, 0x12, 0,    0, 3, 0x45, 0,    5, 0x12, 0x34, 0x50,
              0,  2,    0x67, 0, 0, 4,    0x78, 0, 1,    0,    0};  // OpenCV reads on
  expect_as_opencv(file_of(bmp), "4 bits");
}

TEST(Codecs, TakeColoursByMasksInAnyOrder) {
  const Bmp plain{.bits = 32};
  std::vector<std::byte> swapped =
      file_of({.bits = 32, .compression = 3, .masks = {0xff, 0xff00, 0xff0000}});
  const Picture picture = decode(Bytes(file_of(plain)), "plain");
  const Picture other = decode(Bytes(swapped), "swapped");
  ASSERT_EQ(other.rgb.size(), picture.rgb.size());
  for (std::size_t i = 0; i < picture.rgb.size(); i += 3) {
    ASSERT_EQ(other.rgb[i], picture.rgb[i + 2]);
    ASSERT_EQ(other.rgb[i + 1], picture.rgb[i + 1]);
  }
}

TEST(Codecs, ReadWebpAsOpenCvDoes) {
  for (const char* name : {"lossy.webp", "lossless.webp", "alpha.webp", "turned.webp"}) {
    const Bytes file = storage::read(std::string(OKO_SOURCE_DIR "/fuzz/corpus/picture/") + name);
    const std::vector<std::byte> bytes(file.span().begin(), file.span().end());
    if (probe(file).exif_orientation == 1) expect_as_opencv(bytes, name);
  }
  // Of a picture of more than one block, as OpenCV's encoder writes it.
  const Picture picture = noise({83, 61});
  cv::Mat bgr(61, 83, CV_8UC3);
  std::copy(picture.rgb.begin(), picture.rgb.end(), bgr.data);
  std::vector<unsigned char> file;
  ASSERT_TRUE(cv::imencode(".webp", bgr, file, {cv::IMWRITE_WEBP_QUALITY, 80}));
  const auto bytes = std::as_bytes(std::span(file));
  expect_as_opencv({bytes.begin(), bytes.end()}, "written");
}

TEST(Codecs, WriteJpegAndPngAsOpenCvDoes) {
  const Picture picture = noise({83, 61});
  cv::Mat bgr(61, 83, CV_8UC3);
  for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
    bgr.data[i] = picture.rgb[i - i % 3 + 2 - i % 3];
  }
  const auto expect_equal = [](const std::vector<std::byte>& ours,
                               const std::vector<unsigned char>& theirs) {
    const auto bytes = std::as_bytes(std::span(theirs));
    EXPECT_EQ(ours, std::vector<std::byte>(bytes.begin(), bytes.end()));
  };
  std::vector<unsigned char> file;
  for (const int quality : {40, 90, 100}) {
    ASSERT_TRUE(cv::imencode(".jpg", bgr, file, {cv::IMWRITE_JPEG_QUALITY, quality}));
    expect_equal(encode_jpeg(picture, quality), file);
  }
  ASSERT_TRUE(cv::imencode(".png", bgr, file));
  expect_equal(encode_png(picture), file);
}

}  // namespace
}  // namespace oko::media

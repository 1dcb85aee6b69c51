// letterbox() of a raw video frame in three formats, compared with an image of the same frame from
// another program: BT.601, video range, each chroma sample repeated over its 2 x 2 pixels, rounded
// to whole bytes.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "oko/image/letterbox.h"
#include "oko/image/sampling.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::media {
namespace {

using image::Frame;
using image::PixelFormat;
using image::Rotation;

constexpr image::Size kSize{640, 360};
constexpr std::size_t kPixels = 640 * 360;

class CameraGolden : public testing::Test {
 protected:
  void SetUp() override {
    const char* root = std::getenv("OKO_DATA");
    folder_ = std::string(root ? root : "") + "/video/raw_frames/";
    if (!root || !storage::exists(folder_)) {
      GTEST_SKIP() << "the reference data is missing: set OKO_DATA";
    }
    i420_ = storage::read(folder_ + "bottle_frame149_640x360.i420");
    nv12_ = storage::read(folder_ + "bottle_frame149_640x360.nv12");
    nv21_ = storage::read(folder_ + "bottle_frame149_640x360.nv21");
    ASSERT_EQ(i420_.size(), kPixels * 3 / 2);
  }

  static const std::uint8_t* bytes(const Bytes& file) {
    return reinterpret_cast<const std::uint8_t*>(file.data());
  }
  Frame i420() const {
    const std::uint8_t* y = bytes(i420_);
    return {PixelFormat::kI420, kSize, {y, y + kPixels, y + kPixels * 5 / 4}};
  }
  Frame nv12() const { return {PixelFormat::kNv12, kSize, {bytes(nv12_), bytes(nv12_) + kPixels}}; }
  Frame nv21() const { return {PixelFormat::kNv21, kSize, {bytes(nv21_), bytes(nv21_) + kPixels}}; }

  static std::vector<float> letterboxed(const Frame& frame, image::Size input) {
    std::vector<float> values(static_cast<std::size_t>(input.width) *
                              static_cast<std::size_t>(input.height) * 3);
    image::letterbox(frame, input, {}, values);
    return values;
  }

  std::string folder_;
  Bytes i420_, nv12_, nv21_;
};

TEST_F(CameraGolden, ReturnsTheSameInputForEveryFormat) {
  for (const Rotation rotation : {Rotation::k0, Rotation::k90, Rotation::k180, Rotation::k270}) {
    Frame frames[] = {i420(), nv12(), nv21()};
    for (Frame& frame : frames) frame.rotation = rotation;
    const auto expected = letterboxed(frames[0], {416, 416});
    EXPECT_EQ(letterboxed(frames[1], {416, 416}), expected);
    EXPECT_EQ(letterboxed(frames[2], {416, 416}), expected);
  }
}

// Between chroma samples ours is interpolated: it lies between its neighbours and so differs from
// the repeated one by no more than they do, weighted as in the conversion. The rest is rounding.
TEST_F(CameraGolden, MatchesTheColoursOfTheReferenceImage) {
  const std::string name = folder_ + "bottle_frame149_rgb_bt601_limited_nearest_chroma.png";
  const image::Picture expected = decode(storage::read(name), name);
  ASSERT_EQ(expected.size, kSize);
  const auto values = letterboxed(i420(), kSize);
  const auto matrix = image::yuv_to_rgb(image::YuvRange::kVideo, image::YuvMatrix::kBt601);
  const auto spread = [&](std::size_t plane, int x, int y) {
    const int left = x / 2, top = y / 2;
    const auto at = [&](int column, int row) {
      column = std::clamp(column, 0, kSize.width / 2 - 1);
      row = std::clamp(row, 0, kSize.height / 2 - 1);
      return i420().planes[plane][row * (kSize.width / 2) + column];
    };
    int largest = 0;
    for (int row = top - 1; row <= top + 1; ++row) {
      for (int column = left - 1; column <= left + 1; ++column) {
        largest = std::max(largest, std::abs(at(column, row) - at(left, top)));
      }
    }
    return static_cast<double>(largest);
  };
  double sum = 0;
  long flat = 0;
  for (int y = 0; y < kSize.height; ++y) {
    for (int x = 0; x < kSize.width; ++x) {
      const double u = spread(1, x, y), v = spread(2, x, y);
      const auto pixel = static_cast<std::size_t>(y * kSize.width + x);
      flat += u == 0 && v == 0;
      for (std::size_t c = 0; c < 3; ++c) {
        const double difference =
            std::abs(values[c * kPixels + pixel] - expected.rgb[3 * pixel + c] / 255.);
        const double bound = .5 / 255 + 1e-6 + u * std::abs(double{matrix.from_u[c]}) +
                             v * std::abs(double{matrix.from_v[c]});
        ASSERT_LE(difference, bound) << x << "," << y << "," << c;
        sum += difference;
      }
    }
  }
  EXPECT_GT(flat, 1000);  // pixels where only rounding may differ
  EXPECT_LT(sum / static_cast<double>(values.size()), .002);  // half a byte; .0013 was measured
}

}  // namespace
}  // namespace oko::media

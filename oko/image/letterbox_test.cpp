#include "oko/image/letterbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <tuple>
#include <vector>

namespace oko::image {
namespace {

using Fit = Preprocess::Fit;
using Sampling = Preprocess::Sampling;

// An image whose values depend only on the position: no two channels or neighbours are equal.
Picture make_picture(Size size) {
  Picture picture{size, {}};
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      for (int c = 0; c < 3; ++c) {
        picture.rgb.push_back(static_cast<std::uint8_t>((x * 37 + y * 101 + c * 59) % 251));
      }
    }
  }
  return picture;
}

std::vector<float> letterboxed(const Frame& frame, Size input, const Preprocess& preprocess = {}) {
  std::vector<float> values(
      static_cast<std::size_t>(input.width) * static_cast<std::size_t>(input.height) * 3, -7);
  letterbox(frame, input, preprocess, values);
  return values;
}

Preprocess sampled(Sampling sampling) {
  Preprocess preprocess;
  preprocess.sampling = sampling;
  return preprocess;
}

float at(const std::vector<float>& planes, Size size, int channel, int x, int y) {
  return planes[(channel * size.height + y) * size.width + x];
}

TEST(Letterbox, ReturnsThePlacementOfPlace) {
  const Picture picture = make_picture({31, 17});
  std::vector<float> values(3 * 24 * 40);
  const Placement told = letterbox(picture.frame(), {24, 40}, {}, values);
  const Placement expected = place({31, 17}, {24, 40}, {});
  EXPECT_EQ(told.source, expected.source);
  EXPECT_EQ(told.input, expected.input);
  EXPECT_EQ(told.to_input({1, 2, 3, 4}), expected.to_input({1, 2, 3, 4}));
}

TEST(Letterbox, CopiesExactlyWhenSizesAreEqual) {
  const Size size{23, 19};
  const Picture picture = make_picture(size);
  for (const auto sampling : {Sampling::kEdges, Sampling::kPixelCentres}) {
    const auto values = letterboxed(picture.frame(), size, sampled(sampling));
    for (int y = 0; y < size.height; ++y) {
      for (int x = 0; x < size.width; ++x) {
        for (int c = 0; c < 3; ++c) {
          const std::uint8_t byte = picture.rgb[(y * size.width + x) * 3 + c];
          ASSERT_EQ(at(values, size, c, x, y), static_cast<float>(byte) / 255);
        }
      }
    }
  }
}

TEST(Letterbox, NormalizesEveryChannelAndTheBars) {
  const Picture picture = make_picture({31, 17});
  Frame frame = picture.frame();
  for (const bool bgr : {false, true}) {
    for (const Rotation rotation : {Rotation::k0, Rotation::k90}) {
      frame.rotation = rotation;
      Preprocess plain;
      plain.bgr = bgr;
      Preprocess normal = plain;
      normal.mean = {.4F, .5F, .6F};
      normal.scale = {4, 5, 6};
      const Size size{40, 24};
      const auto before = letterboxed(frame, size, plain);
      for (const SimdTarget target : simd_targets()) {
        std::vector<float> after(before.size());
        letterbox(frame, size, normal, after, target);
        for (std::size_t i = 0; i < before.size(); ++i) {
          const int c = static_cast<int>(i / (40 * 24));
          ASSERT_NEAR(after[i], (before[i] - normal.mean[c]) * normal.scale[c], 1e-5) << i;
        }
      }
    }
  }
}

// The definition of both samplings, pixel by pixel in double precision.
double reference(const Picture& picture, Size window, int c, int x, int y, Sampling sampling) {
  const auto position = [&](int i, int from, int to) {
    double p = 0;
    if (sampling == Sampling::kEdges) {
      p = (i + .5) * from / to - .5;
    } else {
      p = to == 1 ? from - 1 : static_cast<double>(i) * (from - 1) / (to - 1);
    }
    return std::min(std::max(p, 0.), from - 1.);
  };
  const double px = position(x, picture.size.width, window.width);
  const double py = position(y, picture.size.height, window.height);
  double sum = 0;
  for (int dy = 0; dy < 2; ++dy) {
    for (int dx = 0; dx < 2; ++dx) {
      const int ix = std::min(static_cast<int>(px) + dx, picture.size.width - 1);
      const int iy = std::min(static_cast<int>(py) + dy, picture.size.height - 1);
      const double fx = px - std::floor(px), fy = py - std::floor(py);
      const auto value = picture.rgb[(iy * picture.size.width + ix) * 3 + c];
      sum += value * (dx ? fx : 1 - fx) * (dy ? fy : 1 - fy);
    }
  }
  return sum / 255;
}

class Resampling : public testing::TestWithParam<std::tuple<Size, Size, Sampling>> {};

TEST_P(Resampling, FollowsTheDefinitionAndFillsTheBars) {
  const auto& [source, input, sampling] = GetParam();
  const Picture picture = make_picture(source);
  const auto values = letterboxed(picture.frame(), input, sampled(sampling));
  const Placement p = place(source, input, {});
  const Box covered =
      p.to_input({0, 0, static_cast<float>(source.width), static_cast<float>(source.height)});
  const int left = static_cast<int>(p.offset_x), top = static_cast<int>(p.offset_y);
  const Size window{static_cast<int>(std::lround(covered.width())),
                    static_cast<int>(std::lround(covered.height()))};
  for (int y = 0; y < input.height; ++y) {
    for (int x = 0; x < input.width; ++x) {
      const bool inside =
          x >= left && x < left + window.width && y >= top && y < top + window.height;
      for (int c = 0; c < 3; ++c) {
        const double expected =
            inside ? reference(picture, window, c, x - left, y - top, sampling) : .5;
        ASSERT_NEAR(at(values, input, c, x, y), expected, 2e-4) << x << "," << y << "," << c;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Letterbox, Resampling,
                         testing::Combine(testing::Values(Size{1, 1}, Size{1, 500}, Size{500, 1},
                                                          Size{67, 41}, Size{2, 3}, Size{128, 96}),
                                          testing::Values(Size{32, 32}, Size{64, 33}, Size{5, 48}),
                                          testing::Values(Sampling::kEdges,
                                                          Sampling::kPixelCentres)));

// The image in another format, with garbage between its rows.
std::vector<std::uint8_t> converted(const Picture& picture, PixelFormat format,
                                    std::size_t stride) {
  std::vector<std::uint8_t> bytes(stride * static_cast<std::size_t>(picture.size.height), 0xEE);
  const bool bgr = format == PixelFormat::kBgr || format == PixelFormat::kBgra;
  const auto pixel = static_cast<std::size_t>(bytes_per_pixel(format));
  for (int y = 0; y < picture.size.height; ++y) {
    for (int x = 0; x < picture.size.width; ++x) {
      const auto* from = &picture.rgb[(y * picture.size.width + x) * 3];
      auto* to = &bytes[static_cast<std::size_t>(y) * stride + static_cast<std::size_t>(x) * pixel];
      if (format == PixelFormat::kGrey) {
        to[0] = from[0];
        continue;
      }
      for (int c = 0; c < 3; ++c) to[c] = from[bgr ? 2 - c : c];
    }
  }
  return bytes;
}

TEST(Letterbox, GivesTheSameForEveryPixelFormatAndStride) {
  const Picture picture = make_picture({45, 29});
  const Size input{32, 32};
  const auto expected = letterboxed(picture.frame(), input);
  for (const auto format :
       {PixelFormat::kRgb, PixelFormat::kBgr, PixelFormat::kRgba, PixelFormat::kBgra}) {
    const std::size_t stride = 45 * static_cast<std::size_t>(bytes_per_pixel(format)) + 11;
    const auto bytes = converted(picture, format, stride);
    EXPECT_EQ(letterboxed({format, picture.size, {bytes.data()}, {stride}}, input), expected);
  }
}

TEST(Letterbox, RepeatsGreyInAllPlanes) {
  const Picture picture = make_picture({45, 29});
  const Size input{32, 32};
  const auto grey = converted(picture, PixelFormat::kGrey, 48);
  const auto values = letterboxed({PixelFormat::kGrey, picture.size, {grey.data()}, {48}}, input);
  const auto rgb = letterboxed(picture.frame(), input);
  constexpr std::ptrdiff_t kPlane = 32 * 32;
  for (int c = 0; c < 3; ++c) {
    EXPECT_TRUE(std::equal(rgb.begin(), rgb.begin() + kPlane, values.begin() + c * kPlane));
  }
}

TEST(Letterbox, SwapsPlanesForBgrNetworks) {
  const Picture picture = make_picture({45, 29});
  const Size input{32, 32};
  Preprocess bgr;
  bgr.bgr = true;
  const auto swapped = letterboxed(picture.frame(), input, bgr);
  const auto straight = letterboxed(picture.frame(), input);
  constexpr std::ptrdiff_t kPlane = 32 * 32;
  for (int c = 0; c < 3; ++c) {
    EXPECT_TRUE(std::equal(straight.begin() + c * kPlane, straight.begin() + (c + 1) * kPlane,
                           swapped.begin() + (2 - c) * kPlane));
  }
}

TEST(Letterbox, UsesTheBorderValueOfTheModel) {
  const Picture picture = make_picture({40, 10});
  Preprocess preprocess;
  preprocess.border = 0;
  const auto values = letterboxed(picture.frame(), {40, 40}, preprocess);
  EXPECT_EQ(at(values, {40, 40}, 1, 3, 14), 0);
  EXPECT_EQ(at(values, {40, 40}, 1, 3, 25), 0);
}

}  // namespace
}  // namespace oko::image

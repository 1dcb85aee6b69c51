// letterbox() of camera frames: every format, rotation, mirror, range and matrix, against the
// definition in double precision and on every instruction set.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "oko/image/letterbox.h"
#include "oko/image/sampling.h"
#include "oko/image/test_frames.h"

namespace oko::image {
namespace {

using Fit = Preprocess::Fit;

std::vector<float> letterboxed(const Frame& frame, Size input, const Preprocess& preprocess,
                               SimdTarget target = SimdTarget::kScalar) {
  std::vector<float> values(
      static_cast<std::size_t>(input.width) * static_cast<std::size_t>(input.height) * 3, -7);
  letterbox(frame, input, preprocess, values, target);
  return values;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(double{a[i]} - double{b[i]}));
  }
  return largest;
}

struct Point {
  double x = 0, y = 0;
};

// The value of a plane at a position in its own samples, whose centres are integers; samples
// outside [low, high] are clamped to the nearest one.
double sample(const std::uint8_t* plane, std::ptrdiff_t step, std::size_t stride, Point at,
              Point low, Point high) {
  const double x = std::clamp(at.x, low.x, high.x), y = std::clamp(at.y, low.y, high.y);
  double sum = 0;
  for (const double row : {std::floor(y), std::floor(y) + 1}) {
    for (const double column : {std::floor(x), std::floor(x) + 1}) {
      const double share =
          std::max(0., 1 - std::abs(x - column)) * std::max(0., 1 - std::abs(y - row));
      if (share == 0) continue;
      sum += share * plane[static_cast<std::ptrdiff_t>(row) * static_cast<std::ptrdiff_t>(stride) +
                           static_cast<std::ptrdiff_t>(column) * step];
    }
  }
  return sum;
}

// The source position of a window pixel's centre, in stored samples.
Point stored_place(const Frame& frame, const Region& region, Size window, int x, int y) {
  const bool sideways = frame.rotation == Rotation::k90 || frame.rotation == Rotation::k270;
  const double width = sideways ? region.height : region.width;
  const double height = sideways ? region.width : region.height;
  double px = std::clamp((x + .5) * width / window.width, .5, width - .5);
  const double py = std::clamp((y + .5) * height / window.height, .5, height - .5);
  if (frame.mirror) px = width - px;
  Point at{px, py};
  if (frame.rotation == Rotation::k90) at = {py, width - px};
  if (frame.rotation == Rotation::k180) at = {width - px, height - py};
  if (frame.rotation == Rotation::k270) at = {height - py, px};
  return {at.x - .5 + region.left, at.y - .5 + region.top};
}

struct Rgb {
  double red = 0, green = 0, blue = 0;
};

Rgb convert(const Frame& frame, double y, double u, double v) {
  const bool video = frame.range == YuvRange::kVideo;
  const double light = video ? (y - 16) / 219 : y / 255;
  const double blueness = (u - 128) / (video ? 224 : 255),
               redness = (v - 128) / (video ? 224 : 255);
  const double kr = frame.matrix == YuvMatrix::kBt601   ? .299
                    : frame.matrix == YuvMatrix::kBt709 ? .2126
                                                        : .2627;
  const double kb = frame.matrix == YuvMatrix::kBt601   ? .114
                    : frame.matrix == YuvMatrix::kBt709 ? .0722
                                                        : .0593;
  const double red = light + 2 * (1 - kr) * redness, blue = light + 2 * (1 - kb) * blueness;
  const double green = (light - kr * red - kb * blue) / (1 - kr - kb);
  const auto clamp = [](double c) { return std::clamp(c, 0., 1.); };
  return {clamp(red), clamp(green), clamp(blue)};
}

Rgb definition(const Frame& frame, const Region& region, Point at) {
  const Point low{double(region.left), double(region.top)};
  const Point high{low.x + region.width - 1, low.y + region.height - 1};
  const auto pixel = [&](int offset) {
    return sample(frame.planes[0] + offset, bytes_per_pixel(frame.format), stride_of(frame, 0), at,
                  low, high);
  };
  switch (frame.format) {
    case PixelFormat::kRgb:
    case PixelFormat::kRgba:
      return {pixel(0) / 255, pixel(1) / 255, pixel(2) / 255};
    case PixelFormat::kBgr:
    case PixelFormat::kBgra:
      return {pixel(2) / 255, pixel(1) / 255, pixel(0) / 255};
    case PixelFormat::kGrey:
      return {pixel(0) / 255, pixel(0) / 255, pixel(0) / 255};
    default:
      break;
  }
  // A chroma sample is at the centre of its 2 x 2 pixels.
  const auto chroma = [&](std::size_t plane, int offset) {
    const auto half = [](double p) { return std::floor(p / 2); };
    return sample(frame.planes[plane] + offset, chroma_step(frame),
                  stride_of(frame, static_cast<int>(plane)), {at.x / 2 - .25, at.y / 2 - .25},
                  {half(low.x), half(low.y)}, {half(high.x), half(high.y)});
  };
  if (frame.format == PixelFormat::kI420) {
    return convert(frame, pixel(0), chroma(1, 0), chroma(2, 0));
  }
  const bool swapped = frame.format == PixelFormat::kNv21;
  return convert(frame, pixel(0), chroma(1, swapped ? 1 : 0), chroma(1, swapped ? 0 : 1));
}

void expect_definition(const Frame& frame, Size input, Fit fit) {
  Preprocess preprocess;
  preprocess.fit = fit;
  const auto values = letterboxed(frame, input, preprocess);
  const Placement p = place(frame, input, preprocess);
  const Box window =
      p.to_input({float(p.region.left), float(p.region.top), float(p.region.left + p.region.width),
                  float(p.region.top + p.region.height)});
  const int left = static_cast<int>(p.offset_x), top = static_cast<int>(p.offset_y);
  const Size covered{static_cast<int>(std::lround(window.width())),
                     static_cast<int>(std::lround(window.height()))};
  for (int y = 0; y < input.height; ++y) {
    for (int x = 0; x < input.width; ++x) {
      const bool inside =
          x >= left && x < left + covered.width && y >= top && y < top + covered.height;
      const Rgb expected =
          inside ? definition(frame, p.region,
                              stored_place(frame, p.region, covered, x - left, y - top))
                 : Rgb{.5, .5, .5};
      const auto at = [&](int c) { return values[(c * input.height + y) * input.width + x]; };
      ASSERT_NEAR(at(0), expected.red, 1e-6) << x << "," << y;
      ASSERT_NEAR(at(1), expected.green, 1e-6) << x << "," << y;
      ASSERT_NEAR(at(2), expected.blue, 1e-6) << x << "," << y;
    }
  }
}

class Camera : public testing::TestWithParam<Layout> {};

TEST_P(Camera, FollowsTheDefinition) {
  for (const Size size : {Size{1, 1}, Size{3, 2}, Size{21, 34}}) {
    const TestFrame test(GetParam(), size);
    for (const Frame& turned : turned_frames(test.frame())) {
      for (const Frame& frame : coloured_frames(turned)) {
        SCOPED_TRACE(describe(frame));
        expect_definition(frame, {15, 17}, Fit::kLetterbox);
        expect_definition(frame, {30, 8}, Fit::kStretch);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(Camera, CropsRegionsByTheDefinition) {
  const TestFrame test(GetParam(), {25, 19});
  for (Frame frame : turned_frames(test.frame())) {
    for (const Region& region :
         {Region{4, 2, 12, 10}, Region{5, 3, 9, 16}, Region{24, 18, 1, 1}, Region{1, 0, 24, 1}}) {
      frame.region = region;
      SCOPED_TRACE(describe(frame) + " from " + std::to_string(region.left));
      expect_definition(frame, {14, 11}, Fit::kStretch);
      if (HasFatalFailure()) return;
    }
  }
}

// Sizes around the kernels' vectors, blocks and tiles, enlarged and shrunk a little and a lot.
TEST_P(Camera, IsTheSameOnEveryInstructionSet) {
  for (const Size size : {Size{1, 1}, Size{5, 300}, Size{15, 9}, Size{16, 16}, Size{47, 33},
                          Size{130, 70}, Size{700, 3}}) {
    const TestFrame test(GetParam(), size);
    for (const Frame& turned : turned_frames(test.frame())) {
      for (const Frame& frame : coloured_frames(turned)) {
        SCOPED_TRACE(describe(frame));
        for (const Size input : {Size{32, 32}, Size{53, 19}}) {
          for (const auto sampling :
               {Preprocess::Sampling::kEdges, Preprocess::Sampling::kPixelCentres}) {
            Preprocess preprocess;
            preprocess.sampling = sampling;
            const auto expected = letterboxed(frame, input, preprocess);
            for (const SimdTarget target : simd_targets()) {
              ASSERT_LE(largest_difference(letterboxed(frame, input, preprocess, target), expected),
                        1e-6)
                  << name_of(target);
            }
          }
        }
      }
    }
  }
}

TEST_P(Camera, CropsRegionsTheSameOnEveryInstructionSet) {
  const TestFrame test(GetParam(), {71, 58});
  for (Frame frame : turned_frames(test.frame())) {
    for (const Region& region :
         {Region{0, 0, 71, 58}, Region{7, 9, 50, 31}, Region{70, 57, 1, 1}, Region{3, 1, 17, 57}}) {
      frame.region = region;
      const auto expected = letterboxed(frame, {40, 24}, {});
      for (const SimdTarget target : simd_targets()) {
        ASSERT_LE(largest_difference(letterboxed(frame, {40, 24}, {}, target), expected), 1e-6)
            << name_of(target);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, Camera, testing::ValuesIn(all_layouts()), [](const auto& tested) {
  std::string name = tested.param.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

// Neutral chroma gives grey, whatever the matrix; the range's ends give black and white.
TEST(Camera, ConvertsBlackAndWhite) {
  for (const bool video : {true, false}) {
    for (const auto matrix : {YuvMatrix::kBt601, YuvMatrix::kBt709, YuvMatrix::kBt2020}) {
      const std::uint8_t luma[] = {std::uint8_t(video ? 16 : 0), std::uint8_t(video ? 235 : 255)};
      const std::uint8_t chroma[] = {128, 128};
      Frame frame{PixelFormat::kNv12, {2, 1}, {luma, chroma}};
      frame.range = video ? YuvRange::kVideo : YuvRange::kFull;
      frame.matrix = matrix;
      for (const SimdTarget target : simd_targets()) {
        const auto values = letterboxed(frame, {2, 1}, {}, target);
        for (std::size_t c = 0; c < 3; ++c) {
          EXPECT_NEAR(values[2 * c], 0, 1e-6);
          EXPECT_NEAR(values[2 * c + 1], 1, 1e-6);
        }
      }
    }
  }
}

TEST(Letterboxer, DoesNotWriteAroundTheInput) {
  const TestFrame test({"nv12", PixelFormat::kNv12}, {40, 30});
  constexpr Size kInput{32, 32};
  constexpr std::ptrdiff_t kRow = 40, kPlane = kRow * 35, kStart = kRow + 3;
  for (const SimdTarget target : simd_targets()) {
    for (const Frame& frame : turned_frames(test.frame())) {
      std::vector<float> larger(3 * kPlane, -7);
      Letterboxer(target).fill(frame, kInput, {}, {larger.data() + kStart, kRow, kPlane});
      const auto expected = letterboxed(frame, kInput, {}, target);
      for (std::ptrdiff_t i = 0; i < 3 * kPlane; ++i) {
        const std::ptrdiff_t c = i / kPlane, y = i % kPlane / kRow - 1, x = i % kRow - 3;
        const bool inside = x >= 0 && x < kInput.width && y >= 0 && y < kInput.height;
        const auto from = static_cast<std::size_t>((c * kInput.height + y) * kInput.width + x);
        ASSERT_EQ(larger[i], inside ? expected[from] : -7) << c << " " << x << "," << y;
      }
    }
  }
}

TEST(Letterboxer, CanBeReusedForFramesOfAnyKind) {
  for (const SimdTarget target : simd_targets()) {
    Letterboxer letterboxer(target);
    for (int round = 0; round < 2; ++round) {
      for (const Layout& layout : all_layouts()) {
        const TestFrame small(layout, {20, 31}, 2), large(layout, {90, 41}, 3);
        for (const TestFrame* test : {&small, &large, &small}) {
          for (const Frame& frame : turned_frames(test->frame())) {
            std::vector<float> values(3 * 24 * 24);
            letterboxer.fill(frame, {24, 24}, {}, {values.data(), 24, 24 * 24});
            ASSERT_EQ(values, letterboxed(frame, {24, 24}, {}, target)) << layout.name;
          }
        }
      }
    }
  }
}

TEST(Letterboxer, ChecksItsFrames) {
  Letterboxer letterboxer;
  std::vector<float> values(3 * 8 * 8);
  EXPECT_THROW(letterboxer.fill({}, {8, 8}, {}, {values.data(), 8, 64}), std::exception);
}

}  // namespace
}  // namespace oko::image

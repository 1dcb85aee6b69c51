// Placement of frames in the input, and its inverse.
#include <gtest/gtest.h>

#include <tuple>

#include "oko/image/letterbox.h"

namespace oko::image {
namespace {

using Fit = Preprocess::Fit;

TEST(Place, RoundsTheShorterSideDownAndPutsTheOddPixelAtTheBottom) {
  const Placement p = place({773, 512}, {320, 320}, {});  // 512 · 320 / 773 = 211.9
  EXPECT_FLOAT_EQ(p.scale_x, 320.F / 773);
  EXPECT_FLOAT_EQ(p.scale_y, 211.F / 512);
  EXPECT_EQ(p.offset_x, 0);
  EXPECT_EQ(p.offset_y, 54);  // bars of 54 and 55
}

TEST(Place, FillsTheInputWhenStretching) {
  Preprocess preprocess;
  preprocess.fit = Fit::kStretch;
  const Placement p = place({100, 50}, {20, 40}, preprocess);
  EXPECT_EQ(p.to_input({0, 0, 100, 50}), (Box{0, 0, 20, 40}));
}

TEST(Place, KeepsAtLeastOnePixelOfExtremePictures) {
  const Placement tall = place({1, 5000}, {416, 416}, {});
  EXPECT_EQ(tall.to_input({0, 0, 1, 5000}), (Box{207, 0, 208, 416}));
  const Placement wide = place({5000, 1}, {416, 416}, {});
  EXPECT_EQ(wide.to_input({0, 0, 5000, 1}), (Box{0, 207, 416, 208}));
}

TEST(Place, DoesNotOverflowForTheLargestPictures) {
  const Placement p = place({2'000'000'000, 1'000'000'000}, {4096, 4096}, {});
  EXPECT_EQ(p.offset_y, 1024);
}

class Inverse : public testing::TestWithParam<std::tuple<Size, Size, Fit>> {};

TEST_P(Inverse, ReturnsTheSameBox) {
  const auto& [source, input, fit] = GetParam();
  Preprocess preprocess;
  preprocess.fit = fit;
  const Placement p = place(source, input, preprocess);
  const auto w = static_cast<float>(source.width), h = static_cast<float>(source.height);
  // A float near the input's far edge is precise to about 2e-7 of it.
  const float rounding_x = 1e-6F * static_cast<float>(input.width) / p.scale_x;
  const float rounding_y = 1e-6F * static_cast<float>(input.height) / p.scale_y;
  for (const Box& box : {Box{0, 0, w, h}, Box{.1F * w, .25F * h, .6F * w, .99F * h},
                         Box{-.2F * w, -3, 1.5F * w, 2 * h}}) {
    const Box back = p.to_source(p.to_input(box));
    EXPECT_NEAR(back.left, box.left, rounding_x);
    EXPECT_NEAR(back.top, box.top, rounding_y);
    EXPECT_NEAR(back.right, box.right, rounding_x);
    EXPECT_NEAR(back.bottom, box.bottom, rounding_y);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Letterbox, Inverse,
    testing::Combine(testing::Values(Size{1, 1}, Size{773, 512}, Size{1, 5000}, Size{5000, 1},
                                     Size{640, 424}, Size{333, 777}),
                     testing::Values(Size{416, 416}, Size{320, 256}, Size{7, 13}),
                     testing::Values(Fit::kLetterbox, Fit::kStretch)));

// A 100 x 60 frame with a region of 40 x 20 at (10, 30), into an input twice the upright size.
Placement turned(Rotation rotation, bool mirror) {
  Frame frame;
  frame.size = {100, 60};
  frame.region = {10, 30, 40, 20};
  frame.rotation = rotation;
  frame.mirror = mirror;
  const bool tall = rotation == Rotation::k90 || rotation == Rotation::k270;
  return place(frame, tall ? Size{40, 80} : Size{80, 40}, {});
}

TEST(Place, RotatesMirrorsAndCrops) {
  const Box stored{11, 32, 14, 37};  // near the region's left top corner: 1, 2 to 4, 7
  const auto box_of = [&](Rotation rotation, bool mirror) {
    return turned(rotation, mirror).to_input(stored);
  };
  EXPECT_EQ(box_of(Rotation::k0, false), (Box{2, 4, 8, 14}));
  EXPECT_EQ(box_of(Rotation::k0, true), (Box{72, 4, 78, 14}));
  EXPECT_EQ(box_of(Rotation::k90, false), (Box{26, 2, 36, 8}));  // left top goes right top
  EXPECT_EQ(box_of(Rotation::k90, true), (Box{4, 2, 14, 8}));
  EXPECT_EQ(box_of(Rotation::k180, false), (Box{72, 26, 78, 36}));
  EXPECT_EQ(box_of(Rotation::k180, true), (Box{2, 26, 8, 36}));
  EXPECT_EQ(box_of(Rotation::k270, false), (Box{4, 72, 14, 78}));  // left top goes left bottom
  EXPECT_EQ(box_of(Rotation::k270, true), (Box{26, 72, 36, 78}));
}

TEST(Place, MapsBackToStoredPixels) {
  const Box stored{11, 32, 14, 37};
  for (const auto rotation : {Rotation::k0, Rotation::k90, Rotation::k180, Rotation::k270}) {
    for (const bool mirror : {false, true}) {
      const Placement p = turned(rotation, mirror);
      EXPECT_EQ(p.to_source(p.to_input(stored)), stored) << static_cast<int>(rotation) << mirror;
      EXPECT_EQ(p.region, (Region{10, 30, 40, 20}));
      EXPECT_EQ(p.source, (Size{100, 60}));
    }
  }
}

TEST(Place, MakesTheWholeFrameTheRegion) {
  EXPECT_EQ(place({31, 17}, {24, 40}, {}).region, (Region{0, 0, 31, 17}));
}

TEST(Clipped, KeepsBoxesInsideTheRegion) {
  EXPECT_EQ(clipped({-5, 0, 100, 45}, Region{10, 30, 40, 20}), (Box{10, 30, 50, 45}));
  EXPECT_EQ(clipped({-5, 0, 100, 45}, Size{40, 60}), (Box{0, 0, 40, 45}));
}

}  // namespace
}  // namespace oko::image

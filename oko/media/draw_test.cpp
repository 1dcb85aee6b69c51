#include "oko/media/draw.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace oko::media {
namespace {

using image::Picture;
using image::Size;

constexpr std::uint8_t kGround = 120;

Picture plain(Size size) {
  return {size, std::vector<std::uint8_t>(static_cast<std::size_t>(size.width) *
                                              static_cast<std::size_t>(size.height) * 3,
                                          kGround)};
}

Color at(const Picture& picture, int x, int y) {
  const auto* p = &picture.rgb[(y * picture.size.width + x) * 3];
  return {p[0], p[1], p[2]};
}

constexpr Color kRed{255, 0, 0};

// Number of pixels of a region with that colour.
int count(const Picture& picture, int left, int top, int right, int bottom, Color color) {
  int n = 0;
  for (int y = top; y < bottom; ++y) {
    for (int x = left; x < right; ++x) n += at(picture, x, y) == color;
  }
  return n;
}

TEST(DrawBox, PutsTheLineInsideTheBoxAndKeepsTheRest) {
  Picture picture = plain({440, 440});  // a line of two pixels
  draw_box(picture, {100, 150, 300, 350}, "", kRed);
  for (const auto& [x, y] : {std::pair{100, 250}, {299, 250}, {200, 150}, {200, 349}}) {
    EXPECT_EQ(at(picture, x, y), kRed) << x << "," << y;
  }
  for (const auto& [x, y] : {std::pair{97, 250}, {302, 250}, {200, 147}, {200, 352}, {200, 250}}) {
    EXPECT_EQ(at(picture, x, y), (Color{kGround, kGround, kGround})) << x << "," << y;
  }
}

TEST(DrawBox, PutsTheLabelAboveTheBoxOrInsideAtTheTop) {
  Picture picture = plain({440, 440});
  draw_box(picture, {100, 150, 300, 350}, "dog 0.93", kRed);
  EXPECT_GT(count(picture, 100, 130, 170, 149, kRed), 300);
  Picture top = plain({440, 440});
  draw_box(top, {100, 3, 300, 350}, "dog 0.93", kRed);
  EXPECT_GT(count(top, 104, 6, 170, 20, kRed), 300);
}

// The tag of a box at the right edge moves left so that all of its text is visible.
TEST(DrawBox, KeepsTheLabelInsideTheImage) {
  Picture picture = plain({440, 440});
  draw_box(picture, {400, 200, 470, 300}, "potted plant 0.50", kRed);
  EXPECT_GT(count(picture, 280, 180, 400, 199, kRed), 500);
}

TEST(DrawBox, AcceptsAnyImageSizeAndAnyBox) {
  for (const Size size : {Size{1, 1}, Size{3, 200}, Size{200, 3}, Size{40, 40}, Size{2000, 30}}) {
    for (const image::Box& box : {image::Box{-50, -50, 5000, 5000}, image::Box{.3F, .3F, .4F, .4F},
                                  image::Box{900, 900, 950, 950}, image::Box{10, 10, 10, 10}}) {
      Picture picture = plain(size);
      draw_box(picture, box, "a rather long label 0.99", kRed);
      EXPECT_EQ(picture.size, size);
      EXPECT_EQ(picture.rgb.size(), plain(size).rgb.size());
    }
  }
}

TEST(DrawText, IsWhiteWithADarkOutline) {
  Picture picture = plain({200, 60});
  draw_text(picture, 20, 20, "12 fps");
  int bright = 0, dark = 0;
  for (const auto value : picture.rgb) {
    bright += value > 200;
    dark += value < 50;
  }
  EXPECT_GT(bright, 100);
  EXPECT_GT(dark, 300);
  EXPECT_EQ(count(picture, 0, 0, 200, 14, {kGround, kGround, kGround}), 200 * 14);
}

TEST(ColorOfClass, DiffersClearlyBetweenNeighbours) {
  for (int id = 0; id < 200; ++id) {
    EXPECT_EQ(color_of_class(id), color_of_class(id));
    for (int next = id + 1; next < id + 4; ++next) {
      int distance = 0;
      for (std::size_t c = 0; c < 3; ++c) {
        distance += std::abs(color_of_class(id)[c] - color_of_class(next)[c]);
      }
      EXPECT_GT(distance, 100) << id << " " << next;
    }
  }
}

}  // namespace
}  // namespace oko::media

#pragma once

#include <span>

#include "oko/image/frame.h"
#include "oko/image/letterbox.h"

namespace oko::dataset {

// Where a whole picture is drawn: the rectangle of the input that it is stretched over, in pixels
// of the input, continuous. It may reach past the input on every side.
struct Warp {
  double left = 0, top = 0, width = 0, height = 0;
  bool flip = false;  // mirrored left–right

  // Where a box given in pixels of the picture comes to lie. Not clipped.
  image::Box to_input(const image::Box& box, image::Size picture) const;
};

// A change of colour in HSV: hue turned by parts of the circle, saturation and value multiplied
// and cut off at 1.
struct ColorShift {
  double hue = 0, saturation = 1, value = 1;
  bool operator==(const ColorShift&) const = default;
};

// Whole pixels of the input: columns [left, right) of rows [top, bottom).
struct Region {
  int left = 0, top = 0, right = 0, bottom = 0;
};

// Three planes of size.height × size.width floats that are being drawn on.
struct Canvas {
  std::span<float> planes;
  image::Size size;
  const image::Preprocess& preprocess;  // channel order and the resize's convention

  float* row(int channel, int y) const;  // 0 red, 1 green, 2 blue, wherever their planes are
};

// Fills the canvas with the border's value.
void fill_border(const Canvas& canvas);

// Draws a picture in one pass: resampled by `warp`, recoloured by `color`, and only what lies
// inside `region` (which must lie inside the canvas). Bilinear as image::letterbox() up to a
// shrinking of 2; beyond it the triangle filter widens along so that every source pixel keeps its
// share. The result is the same on every machine.
void draw_warped(const image::Picture& picture, const Warp& warp, const ColorShift& color,
                 const Region& region, const Canvas& canvas);

}  // namespace oko::dataset

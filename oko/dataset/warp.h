#pragma once

#include <span>

#include "oko/image/frame.h"
#include "oko/image/letterbox.h"

namespace oko::dataset {

// Where a whole image is drawn: the rectangle that it is stretched over, in continuous pixels of
// the input. It may extend past the input on every side.
struct Warp {
  double left = 0, top = 0, width = 0, height = 0;
  bool flip = false;  // mirrored left–right

  // Maps a box in pixels of the image to the input. Not clipped.
  image::Box to_input(const image::Box& box, image::Size picture) const;
};

// A colour change in HSV: hue shifted by a fraction of the circle, saturation and value scaled and
// clamped to 1.
struct ColorShift {
  double hue = 0, saturation = 1, value = 1;
  bool operator==(const ColorShift&) const = default;
};

// Whole pixels of the input: columns [left, right) of rows [top, bottom).
struct Region {
  int left = 0, top = 0, right = 0, bottom = 0;
};

// Three planes of size.height × size.width floats to draw on.
struct Canvas {
  std::span<float> planes;
  image::Size size;
  const image::Preprocess& preprocess;  // channel order and the resize's convention

  float* row(int channel, int y) const;  // 0 red, 1 green, 2 blue, wherever their planes are
};

// Fills the canvas with the border's value.
void fill_border(const Canvas& canvas);

// Applies the channels' mean and scale, once all is drawn.
void normalize(const Canvas& canvas);

// Draws an image in one pass: resampled by `warp`, recoloured by `color`, and only inside `region`
// (which must be inside the canvas). Bilinear like image::letterbox() down to half size; below that
// the triangle filter widens so that every source pixel contributes. The result is the same on
// every machine.
void draw_warped(const image::Picture& picture, const Warp& warp, const ColorShift& color,
                 const Region& region, const Canvas& canvas);

}  // namespace oko::dataset

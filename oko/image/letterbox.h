#pragma once

#include <span>

#include "oko/image/frame.h"

namespace oko::image {

// How a picture becomes the network's input; part of the model file so that no phone has to guess.
struct Preprocess {
  enum class Fit { kLetterbox, kStretch };
  // What the bilinear resize matches: the outer edges of both pictures (half-pixel centres, as
  // everybody does) or the centres of their corner pixels (as Darknet does).
  enum class Sampling { kEdges, kPixelCentres };
  Fit fit = Fit::kLetterbox;
  Sampling sampling = Sampling::kEdges;
  float border = .5F;  // value of the letterbox bars, after scaling
  bool bgr = false;    // channel order of the input; values are always scaled to [0, 1]
  bool operator==(const Preprocess&) const = default;
};

// Where the source picture lies inside the network's input: input = source · scale + offset.
struct Placement {
  Size source, input;
  float scale_x = 1, scale_y = 1;
  float offset_x = 0, offset_y = 0;  // whole pixels
  Box to_input(const Box& box) const;
  Box to_source(const Box& box) const;  // exact inverse; not clipped to the picture
};

// Where letterbox() will put a picture. Letterbox: the largest size that fits with the picture's
// aspect, the shorter side rounded down to whole pixels and at least 1, bars of equal width (the odd
// pixel goes right or below). This is Darknet's arithmetic, for both samplings. Neither size may be
// empty.
Placement place(Size source, Size input, const Preprocess& preprocess);

// Fills `input` (3 planes of height × width floats) from the frame: colour order, scale and bars in
// one pass with no picture in between, and tells where it put it. Bilinear; values of the four
// neighbours in float32. The frame must not be empty. Training, evaluation and phone use this one
// function. Safe from several threads.
Placement letterbox(const Frame& frame, Size size, const Preprocess& preprocess,
                    std::span<float> input);

}  // namespace oko::image

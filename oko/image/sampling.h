// Which stored pixels each pixel of the input is computed from. Not part of the library's
// interface.
#pragma once

#include <array>
#include <vector>

#include "oko/image/letterbox.h"

namespace oko::image {

// The part of the input that the image covers, in whole pixels.
struct Window {
  int left = 0, top = 0, width = 0, height = 0;
};

Window window_of(Size upright, Size input, Preprocess::Fit fit);

// Two neighbours along one axis and the weight of the second one.
struct Tap {
  int first = 0, second = 0;
  float weight = 0;
};

// Along one axis of the stored frame: the taps of every pixel of the window, counted from the
// region's first pixel and from the first chroma sample that has a pixel in the region.
struct Axis {
  std::vector<Tap> luma, chroma;
  int chroma_origin = 0, chroma_count = 0;
};

// Everything that follows from a frame's geometry.
struct SamplingPlan {
  Window window;
  bool transposed = false;  // the input's rows run along the stored columns
  Axis columns, lines;      // along the stored rows; from stored row to row
};

SamplingPlan make_sampling_plan(const Frame& frame, Size input, const Preprocess& preprocess);

// One channel in a plane of a frame, from the region's corner on.
struct Channel {
  const std::uint8_t* data = nullptr;
  std::ptrdiff_t step = 1, stride = 0;  // bytes from one sample to the next, from row to row
};

// R, G, B or Y, U, V; a grey frame has the same three times.
std::array<Channel, 3> channels_of(const Frame& frame);

// R, G, B between 0 and 1 (before clamping) of Y, U, V between 0 and 255:
// scale · (Y - black) + from_u · (U - 128) + from_v · (V - 128).
struct YuvToRgb {
  float black = 0, scale = 0;
  std::array<float, 3> from_u{}, from_v{};
};

YuvToRgb yuv_to_rgb(YuvRange range, YuvMatrix matrix);

// The letterbox by definition, pixel by pixel: the reference for the kernels, and the fallback
// without them. Fills only the window.
void sample_reference(const Frame& frame, const SamplingPlan& sampling,
                      const Preprocess& preprocess, const InputView& input);

}  // namespace oko::image

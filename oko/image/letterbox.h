#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "oko/base/simd.h"
#include "oko/image/frame.h"

namespace oko::image {

// How an image becomes the network's input; part of the model file so that phones need not guess.
struct Preprocess {
  enum class Fit { kLetterbox, kStretch };
  // What the bilinear resize aligns: the outer edges of both images (half-pixel centres, as usual)
  // or the centres of their corner pixels (as in Darknet).
  enum class Sampling { kEdges, kPixelCentres };
  Fit fit = Fit::kLetterbox;
  Sampling sampling = Sampling::kEdges;
  float border = .5F;  // value of the letterbox bars, 0 to 1
  bool bgr = false;    // channel order of the input
  // Values from 0 to 1 become (value − mean) · scale, for each channel of the input in its order.
  std::array<float, 3> mean{0, 0, 0}, scale{1, 1, 1};

  bool normalizes() const { return mean != Preprocess{}.mean || scale != Preprocess{}.scale; }
  float normalized(float value, int channel) const {
    return (value - mean[channel]) * scale[channel];
  }
  bool operator==(const Preprocess&) const = default;
};

// Where a frame is inside the network's input: its region is rotated and mirrored to be upright,
// then input = upright · scale + offset.
struct Placement {
  Size source, input;  // of the frame as stored
  float scale_x = 1, scale_y = 1;
  float offset_x = 0, offset_y = 0;  // whole pixels
  Region region{};                   // of the stored frame, never all 0
  Rotation rotation = Rotation::k0;
  bool mirror = false;

  Size upright() const;                 // size of the rotated region
  Box to_input(const Box& box) const;   // from stored pixels
  Box to_source(const Box& box) const;  // exact inverse; not clipped to the region
};

// Where letterbox() places a frame. Letterbox: the largest size that fits with the upright
// region's aspect, the shorter side rounded down to whole pixels and at least 1, bars of equal
// width (the odd pixel goes to the right or bottom). This is Darknet's arithmetic, for both
// samplings. Only the frame's size, region, rotation and mirror matter; neither size may be empty.
Placement place(const Frame& frame, Size input, const Preprocess& preprocess);
Placement place(Size source, Size input, const Preprocess& preprocess);

// Three planes of floats, possibly inside larger ones. Strides are in floats.
struct InputView {
  float* data = nullptr;  // first value of the first plane
  std::ptrdiff_t row = 0, plane = 0;
};

// Converts frames to network inputs and caches what it computed for a geometry, so that it
// allocates nothing while that stays the same. One caller at a time.
class Letterboxer {
 public:
  // `target` is one of simd_targets(). Targets differ only by float rounding (1e-6).
  explicit Letterboxer(SimdTarget target = best_simd_target());
  ~Letterboxer();
  Letterboxer(Letterboxer&&) noexcept;
  Letterboxer& operator=(Letterboxer&&) noexcept;

  // Fills `input` (3 planes of height × width) and returns the frame's placement. Checks the frame.
  Placement fill(const Frame& frame, Size size, const Preprocess& preprocess,
                 const InputView& input);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Fills `input` (3 planes of height × width floats) from the frame: colour conversion, rotation,
// mirror, scale, bars, mean and scale of the channels in one pass without an intermediate image.
// Bilinear, the four neighbours weighted in float32. YUV is interpolated first (chroma at its own,
// coarser pixels), then converted and clamped to [0, 1]. Chroma is assumed at the centre of its 2 ×
// 2 pixels, as in JPEG: unlike the left siting of video it does not depend on rotation or mirror,
// it is what training images have, and the two are only half a pixel of colour apart. Throws what
// check() throws. Training, evaluation and phone all use this function. Thread-safe.
Placement letterbox(const Frame& frame, Size size, const Preprocess& preprocess,
                    std::span<float> input, SimdTarget target = best_simd_target());

}  // namespace oko::image

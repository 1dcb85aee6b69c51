#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "oko/base/simd.h"
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

// Where a frame lies inside the network's input: its region is turned and mirrored until it is
// upright, then input = upright · scale + offset.
struct Placement {
  Size source, input;  // of the frame as stored
  float scale_x = 1, scale_y = 1;
  float offset_x = 0, offset_y = 0;  // whole pixels
  Region region{};                   // of the stored frame, never all 0
  Rotation rotation = Rotation::k0;
  bool mirror = false;

  Size upright() const;                 // size of the region when turned
  Box to_input(const Box& box) const;   // from stored pixels
  Box to_source(const Box& box) const;  // exact inverse; not clipped to the region
};

// Where letterbox() will put a frame. Letterbox: the largest size that fits with the upright
// region's aspect, the shorter side rounded down to whole pixels and at least 1, bars of equal
// width (the odd pixel goes right or below). This is Darknet's arithmetic, for both samplings. Of
// the frame only size, region, rotation and mirror count; neither size may be empty.
Placement place(const Frame& frame, Size input, const Preprocess& preprocess);
Placement place(Size source, Size input, const Preprocess& preprocess);

// Three planes of floats that may lie inside larger ones. Distances are in floats.
struct InputView {
  float* data = nullptr;  // first value of the first plane
  std::ptrdiff_t row = 0, plane = 0;
};

// Turns frames into network inputs and keeps what it computed for one geometry while the frames
// stay alike, so that it allocates nothing from frame to frame. One caller at a time.
class Letterboxer {
 public:
  // `target` is one of simd_targets(). Targets differ by float rounding (1e-6) only.
  explicit Letterboxer(SimdTarget target = best_simd_target());
  ~Letterboxer();
  Letterboxer(Letterboxer&&) noexcept;
  Letterboxer& operator=(Letterboxer&&) noexcept;

  // Fills `input` (3 planes of height × width) and tells where the frame went. Checks the frame.
  Placement fill(const Frame& frame, Size size, const Preprocess& preprocess,
                 const InputView& input);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Fills `input` (3 planes of height × width floats) from the frame: colour conversion, rotation,
// mirror, scale and bars in one pass with no picture in between. Bilinear, the four neighbours
// weighed in float32. YUV is interpolated as it is (chroma at its own, coarser pixels), then
// converted and clamped to [0, 1]. Chroma is taken to lie in the middle of its 2 × 2 pixels, as in
// JPEG: unlike the left siting of video it does not depend on rotation or mirror, it is what
// training pictures have, and the two are only half a pixel of colour apart. Throws what check()
// throws. Training, evaluation and phone use this one function. Safe from several threads.
Placement letterbox(const Frame& frame, Size size, const Preprocess& preprocess,
                    std::span<float> input, SimdTarget target = best_simd_target());

}  // namespace oko::image

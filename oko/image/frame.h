#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "oko/image/geometry.h"

namespace oko::image {

// The values of all enums here are those of oko.h.
enum class PixelFormat {
  kRgb,
  kBgr,
  kRgba,
  kBgra,
  kGrey,
  kNv12,  // planes: Y, interleaved UV
  kNv21,  // planes: Y, interleaved VU
  kI420   // planes: Y, U, V; with chroma_step Android's YUV_420_888 of any layout
};

bool is_yuv(PixelFormat format);
int bytes_per_pixel(PixelFormat format);  // of the first plane

enum class YuvRange { kVideo, kFull };  // Y of 16 to 235 or 0 to 255
enum class YuvMatrix { kBt601, kBt709, kBt2020 };

// Clockwise rotation that makes the image upright.
enum class Rotation { k0 = 0, k90 = 90, k180 = 180, k270 = 270 };

// An image owned by the caller, 8 bits per channel, as stored by a camera or decoder. YUV is 4:2:0:
// chroma planes have half the width and height, rounded up.
struct Frame {
  PixelFormat format = PixelFormat::kRgb;
  Size size;  // as stored, before rotation
  std::array<const std::uint8_t*, 3> planes{};
  std::array<std::size_t, 3> strides{};  // bytes from one row to the next; 0: contiguous rows
  int chroma_step = 0;                   // kI420: bytes from one U (or V) to the next; 0: 1
  YuvRange range = YuvRange::kVideo;
  YuvMatrix matrix = YuvMatrix::kBt601;
  Rotation rotation = Rotation::k0;
  bool mirror = false;  // left to right, after the rotation (front cameras)
  Region region{};      // the part to use, in stored pixels; all 0: all of it
};

// Throws Error (kUsage) for an invalid frame: an empty or huge size, a missing plane, a stride
// shorter than a row, a region that extends outside, an invalid enum value.
void check(const Frame& frame);

// A frame's defaults, filled in. For frames that pass check().
Region region_of(const Frame& frame);
Size chroma_size(Size size);
int plane_count(PixelFormat format);
int chroma_step(const Frame& frame);  // of each chroma sample in its plane; YUV only
std::size_t stride_of(const Frame& frame, int plane);

// An image that owns its pixels: RGB, contiguous rows.
struct Picture {
  Size size;
  std::vector<std::uint8_t> rgb;
  Frame frame() const { return {PixelFormat::kRgb, size, {rgb.data()}}; }
};

}  // namespace oko::image

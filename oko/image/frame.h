#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "oko/image/geometry.h"

namespace oko::image {

// The numbers of all enums here are those of oko.h.
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

// How far the picture must be turned clockwise to stand upright.
enum class Rotation { k0 = 0, k90 = 90, k180 = 180, k270 = 270 };

// A picture somebody else owns, 8 bits a channel, as a camera or a decoder stored it. YUV is 4:2:0:
// chroma planes have half the width and height, rounded up.
struct Frame {
  PixelFormat format = PixelFormat::kRgb;
  Size size;  // as stored, before rotation
  std::array<const std::uint8_t*, 3> planes{};
  std::array<std::size_t, 3> strides{};  // bytes from one row to the next; 0: rows without gaps
  int chroma_step = 0;                   // kI420: bytes from one U (or V) to the next; 0: 1
  YuvRange range = YuvRange::kVideo;
  YuvMatrix matrix = YuvMatrix::kBt601;
  Rotation rotation = Rotation::k0;
  bool mirror = false;  // left to right, after the rotation (front cameras)
  Region region{};      // the part to look at, in stored pixels; all 0: all of it
};

// Throws Error (kUsage) where a frame cannot be: an empty or huge size, a missing plane, a stride
// that is shorter than a row, a region that reaches outside, a number that is none of an enum's.
void check(const Frame& frame);

// What a frame leaves to be understood, filled in. Of frames that pass check().
Region region_of(const Frame& frame);
Size chroma_size(Size size);
int plane_count(PixelFormat format);
int chroma_step(const Frame& frame);  // of each chroma sample in its plane; YUV only
std::size_t stride_of(const Frame& frame, int plane);

// A picture that owns its pixels: RGB, rows without gaps.
struct Picture {
  Size size;
  std::vector<std::uint8_t> rgb;
  Frame frame() const { return {PixelFormat::kRgb, size, {rgb.data()}}; }
};

}  // namespace oko::image

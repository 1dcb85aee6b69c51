#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "oko/image/geometry.h"

namespace oko::image {

enum class PixelFormat { kRgb, kBgr, kRgba, kBgra, kGrey };
int bytes_per_pixel(PixelFormat format);

// A picture somebody else owns: 8 bits a channel, rows `stride` bytes apart.
struct Frame {
  const std::uint8_t* pixels = nullptr;
  Size size;
  std::size_t stride = 0;
  PixelFormat format = PixelFormat::kRgb;
};

// A picture that owns its pixels: RGB, rows without gaps.
struct Picture {
  Size size;
  std::vector<std::uint8_t> rgb;
  Frame frame() const {
    return {rgb.data(), size, static_cast<std::size_t>(size.width) * 3, PixelFormat::kRgb};
  }
};

}  // namespace oko::image

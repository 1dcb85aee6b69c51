// Frames of every format with their own bytes, for tests.
#pragma once

#include <array>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "oko/base/random.h"
#include "oko/image/frame.h"

namespace oko::image {

// A format and its memory layout.
struct Layout {
  const char* name;
  PixelFormat format;
  int chroma_step = 0;
  // kI420 with step 2: interleaved U and V, as on Android.
  enum class Chroma { kApart, kUFirst, kVFirst } chroma = Chroma::kApart;
  std::size_t gap = 0;  // bytes between rows
};

inline void PrintTo(const Layout& layout, std::ostream* out) { *out << layout.name; }

inline const std::vector<Layout>& all_layouts() {
  using Chroma = Layout::Chroma;
  static const std::vector<Layout> layouts{
      {"rgb", PixelFormat::kRgb, 0, Chroma::kApart, 5},
      {"bgr", PixelFormat::kBgr},
      {"rgba", PixelFormat::kRgba},
      {"bgra", PixelFormat::kBgra, 0, Chroma::kApart, 12},
      {"grey", PixelFormat::kGrey, 0, Chroma::kApart, 3},
      {"nv12", PixelFormat::kNv12},
      {"nv21", PixelFormat::kNv21, 0, Chroma::kApart, 7},
      {"i420", PixelFormat::kI420},
      {"i420 with gaps", PixelFormat::kI420, 1, Chroma::kApart, 9},
      {"i420 as nv12", PixelFormat::kI420, 2, Chroma::kUFirst, 4},
      {"i420 as nv21", PixelFormat::kI420, 2, Chroma::kVFirst},
      {"spread i420", PixelFormat::kI420, 2},
      {"wide i420", PixelFormat::kI420, 3, Chroma::kApart, 1}};
  return layouts;
}

// Noise. Planes end with their last sample, so that a sanitizer detects reads past the end.
class TestFrame {
 public:
  TestFrame(const Layout& layout, Size size, std::uint64_t seed = 1) {
    frame_.format = layout.format;
    frame_.size = size;
    frame_.chroma_step = layout.chroma_step;
    Random random(seed);
    const auto add = [&](std::size_t plane, int row, int height) {
      const std::size_t stride = static_cast<std::size_t>(row) + layout.gap;
      auto& bytes = bytes_[plane];
      bytes.resize(stride * static_cast<std::size_t>(height - 1) + static_cast<std::size_t>(row));
      bytes.shrink_to_fit();
      for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.below(256));
      frame_.strides[plane] = layout.gap == 0 && layout.chroma_step < 2 ? 0 : stride;
      frame_.planes[plane] = bytes.data();
    };
    add(0, size.width * bytes_per_pixel(layout.format), size.height);
    if (!is_yuv(layout.format)) return;
    const auto [width, height] = chroma_size(size);
    if (layout.format != PixelFormat::kI420) {
      add(1, 2 * width, height);
      return;
    }
    const int step = chroma_step(frame_);
    if (layout.chroma != Layout::Chroma::kApart) {
      add(1, 2 * width, height);
      frame_.planes[2] = frame_.planes[1] + 1;
      frame_.strides[2] = frame_.strides[1];
      if (layout.chroma == Layout::Chroma::kVFirst) std::swap(frame_.planes[1], frame_.planes[2]);
      return;
    }
    for (const std::size_t plane : {1U, 2U}) add(plane, (width - 1) * step + 1, height);
  }
  TestFrame(const TestFrame&) = delete;
  TestFrame& operator=(const TestFrame&) = delete;

  const Frame& frame() const { return frame_; }

 private:
  Frame frame_;
  std::array<std::vector<std::uint8_t>, 3> bytes_;
};

// The orientations of a phone.
inline std::vector<Frame> turned_frames(const Frame& frame) {
  std::vector<Frame> frames;
  for (const Rotation rotation : {Rotation::k0, Rotation::k90, Rotation::k180, Rotation::k270}) {
    for (const bool mirror : {false, true}) {
      Frame& turned = frames.emplace_back(frame);
      turned.rotation = rotation;
      turned.mirror = mirror;
    }
  }
  return frames;
}

// The colour encodings of its bytes.
inline std::vector<Frame> coloured_frames(const Frame& frame) {
  if (!is_yuv(frame.format)) return {frame};
  std::vector<Frame> frames;
  for (const YuvRange range : {YuvRange::kVideo, YuvRange::kFull}) {
    for (const YuvMatrix matrix : {YuvMatrix::kBt601, YuvMatrix::kBt709, YuvMatrix::kBt2020}) {
      Frame& coloured = frames.emplace_back(frame);
      coloured.range = range;
      coloured.matrix = matrix;
    }
  }
  return frames;
}

inline std::string describe(const Frame& frame) {
  return std::to_string(frame.size.width) + "x" + std::to_string(frame.size.height) + " turned " +
         std::to_string(static_cast<int>(frame.rotation)) + (frame.mirror ? " mirrored" : "") +
         " range " + std::to_string(static_cast<int>(frame.range)) + " matrix " +
         std::to_string(static_cast<int>(frame.matrix));
}

}  // namespace oko::image

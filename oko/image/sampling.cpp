#include "oko/image/sampling.h"

#include <algorithm>

namespace oko::image {
namespace {

double source_position(int index, int from, int to, Preprocess::Sampling sampling) {
  if (sampling == Preprocess::Sampling::kEdges) return (index + .5) * from / to - .5;
  if (to == 1) return from - 1;  // Darknet's last pixel is always the source's last
  return static_cast<float>(index) * (static_cast<float>(from - 1) / static_cast<float>(to - 1));
}

Tap tap_at(double position, int count) {
  const int first = static_cast<int>(position);
  return {first, std::min(first + 1, count - 1), static_cast<float>(position - first)};
}

// One axis of the region, reversed if rotation or mirroring reverses it.
struct Side {
  int origin = 0, length = 0;
  bool reversed = false;
};

Axis make_axis(const Side& side, int to, Preprocess::Sampling sampling) {
  Axis axis;
  axis.chroma_origin = side.origin / 2;
  axis.chroma_count = (side.origin + side.length - 1) / 2 - axis.chroma_origin + 1;
  const double last = side.length - 1, last_chroma = axis.chroma_count - 1;
  for (int i = 0; i < to; ++i) {
    const double upright = std::clamp(source_position(i, side.length, to, sampling), 0., last);
    const double luma = side.reversed ? last - upright : upright;
    const double chroma = (side.origin + luma + .5) / 2 - .5 - axis.chroma_origin;
    axis.luma.push_back(tap_at(luma, side.length));
    axis.chroma.push_back(tap_at(std::clamp(chroma, 0., last_chroma), axis.chroma_count));
  }
  return axis;
}

}  // namespace

SamplingPlan make_sampling_plan(const Frame& frame, Size input, const Preprocess& preprocess) {
  const Region region = region_of(frame);
  const Rotation turn = frame.rotation;
  SamplingPlan s;
  s.transposed = turn == Rotation::k90 || turn == Rotation::k270;
  const Size upright =
      s.transposed ? Size{region.height, region.width} : Size{region.width, region.height};
  s.window = window_of(upright, input, preprocess.fit);
  // Rotated by 90 degrees, the stored bottom is on the left; by 270, the stored right side is on
  // top.
  const bool x_reversed = turn == Rotation::k180 || turn == Rotation::k270;
  const bool y_reversed = turn == Rotation::k180 || turn == Rotation::k90;
  const Side x{region.left, region.width, x_reversed != (frame.mirror && !s.transposed)};
  const Side y{region.top, region.height, y_reversed != (frame.mirror && s.transposed)};
  s.columns = make_axis(x, s.transposed ? s.window.height : s.window.width, preprocess.sampling);
  s.lines = make_axis(y, s.transposed ? s.window.width : s.window.height, preprocess.sampling);
  return s;
}

std::array<Channel, 3> channels_of(const Frame& frame) {
  const Region region = region_of(frame);
  const auto channel = [&](std::size_t plane, int offset, int step, int left, int top) {
    const auto stride = static_cast<std::ptrdiff_t>(stride_of(frame, static_cast<int>(plane)));
    return Channel{frame.planes[plane] + top * stride + std::ptrdiff_t{left} * step + offset, step,
                   stride};
  };
  const auto pixel = [&](int offset) {
    return channel(0, offset, bytes_per_pixel(frame.format), region.left, region.top);
  };
  const auto chroma = [&](std::size_t plane, int offset) {
    return channel(plane, offset, chroma_step(frame), region.left / 2, region.top / 2);
  };
  switch (frame.format) {
    case PixelFormat::kRgb:
    case PixelFormat::kRgba:
      return {pixel(0), pixel(1), pixel(2)};
    case PixelFormat::kBgr:
    case PixelFormat::kBgra:
      return {pixel(2), pixel(1), pixel(0)};
    case PixelFormat::kGrey:
      return {pixel(0), pixel(0), pixel(0)};
    case PixelFormat::kNv12:
      return {pixel(0), chroma(1, 0), chroma(1, 1)};
    case PixelFormat::kNv21:
      return {pixel(0), chroma(1, 1), chroma(1, 0)};
    case PixelFormat::kI420:
      return {pixel(0), chroma(1, 0), chroma(2, 0)};
  }
  return {};
}

// ITU-R BT.601, BT.709 and BT.2020: R = Y + 2(1 - Kr)·V, B = Y + 2(1 - Kb)·U, and G follows from
// Y = Kr·R + Kg·G + Kb·B.
YuvToRgb yuv_to_rgb(YuvRange range, YuvMatrix matrix) {
  struct Luma {
    double red, blue;
  };
  constexpr std::array<Luma, 3> kLuma{{{.299, .114}, {.2126, .0722}, {.2627, .0593}}};
  const double red = kLuma[static_cast<std::size_t>(matrix)].red;
  const double blue = kLuma[static_cast<std::size_t>(matrix)].blue;
  const double green = 1 - red - blue;
  const bool video = range == YuvRange::kVideo;
  const double chroma = 2 / (video ? 224. : 255.);
  const auto u = [&](double share) { return static_cast<float>(share * (1 - blue) * chroma); };
  const auto v = [&](double share) { return static_cast<float>(share * (1 - red) * chroma); };
  YuvToRgb m;
  m.black = video ? 16 : 0;
  m.scale = static_cast<float>(1 / (video ? 219. : 255.));
  m.from_u = {0, u(-blue / green), u(1)};
  m.from_v = {v(1), v(-red / green), 0};
  return m;
}

}  // namespace oko::image

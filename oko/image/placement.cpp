#include <algorithm>
#include <cassert>
#include <cstdint>
#include <utility>

#include "oko/image/letterbox.h"
#include "oko/image/sampling.h"

namespace oko::image {
namespace {

bool swaps_sides(Rotation rotation) {
  return rotation == Rotation::k90 || rotation == Rotation::k270;
}

// A box inside an image of this size, rotated clockwise with it.
Box turned(const Box& b, Rotation rotation, float width, float height) {
  switch (rotation) {
    case Rotation::k0:
      break;
    case Rotation::k90:
      return {height - b.bottom, b.left, height - b.top, b.right};
    case Rotation::k180:
      return {width - b.right, height - b.bottom, width - b.left, height - b.top};
    case Rotation::k270:
      return {b.top, width - b.right, b.bottom, width - b.left};
  }
  return b;
}

Rotation opposite(Rotation rotation) {
  return static_cast<Rotation>((360 - static_cast<int>(rotation)) % 360);
}

Box mirrored(const Box& b, float width) {
  return {width - b.right, b.top, width - b.left, b.bottom};
}

Box moved(const Box& b, float x, float y) {
  return {b.left + x, b.top + y, b.right + x, b.bottom + y};
}

}  // namespace

Window window_of(Size upright, Size input, Preprocess::Fit fit) {
  assert(upright.width > 0 && upright.height > 0 && input.width > 0 && input.height > 0);
  Window w{0, 0, input.width, input.height};
  if (fit == Preprocess::Fit::kStretch) return w;
  const std::int64_t sw = upright.width, sh = upright.height, iw = input.width, ih = input.height;
  if (iw * sh < ih * sw) {
    w.height = std::max(1, static_cast<int>(sh * iw / sw));
  } else {
    w.width = std::max(1, static_cast<int>(sw * ih / sh));
  }
  w.left = (input.width - w.width) / 2;
  w.top = (input.height - w.height) / 2;
  return w;
}

Size Placement::upright() const {
  const Size size{region.width, region.height};
  return swaps_sides(rotation) ? Size{size.height, size.width} : size;
}

Box Placement::to_input(const Box& box) const {
  Box b = moved(box, -static_cast<float>(region.left), -static_cast<float>(region.top));
  b = turned(b, rotation, static_cast<float>(region.width), static_cast<float>(region.height));
  if (mirror) b = mirrored(b, static_cast<float>(upright().width));
  return {b.left * scale_x + offset_x, b.top * scale_y + offset_y, b.right * scale_x + offset_x,
          b.bottom * scale_y + offset_y};
}

Box Placement::to_source(const Box& box) const {
  Box b{(box.left - offset_x) / scale_x, (box.top - offset_y) / scale_y,
        (box.right - offset_x) / scale_x, (box.bottom - offset_y) / scale_y};
  const auto [width, height] = upright();
  if (mirror) b = mirrored(b, static_cast<float>(width));
  b = turned(b, opposite(rotation), static_cast<float>(width), static_cast<float>(height));
  return moved(b, static_cast<float>(region.left), static_cast<float>(region.top));
}

Placement place(const Frame& frame, Size input, const Preprocess& preprocess) {
  Placement p;
  p.source = frame.size;
  p.input = input;
  p.region = region_of(frame);
  p.rotation = frame.rotation;
  p.mirror = frame.mirror;
  const Size upright = p.upright();
  const Window window = window_of(upright, input, preprocess.fit);
  p.scale_x = static_cast<float>(window.width) / static_cast<float>(upright.width);
  p.scale_y = static_cast<float>(window.height) / static_cast<float>(upright.height);
  p.offset_x = static_cast<float>(window.left);
  p.offset_y = static_cast<float>(window.top);
  return p;
}

Placement place(Size source, Size input, const Preprocess& preprocess) {
  Frame frame;
  frame.size = source;
  return place(frame, input, preprocess);
}

}  // namespace oko::image

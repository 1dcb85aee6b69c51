#pragma once

#include <algorithm>

namespace oko::image {

struct Size {
  int width = 0, height = 0;
  bool operator==(const Size&) const = default;
};

// Whole pixels of an image; all 0 means all of it.
struct Region {
  int left = 0, top = 0, width = 0, height = 0;
  bool operator==(const Region&) const = default;
};

// Continuous pixel edges: a box over the whole image is {0, 0, width, height}.
struct Box {
  float left = 0, top = 0, right = 0, bottom = 0;
  float width() const { return right - left; }
  float height() const { return bottom - top; }
  float area() const { return std::max(0.F, width()) * std::max(0.F, height()); }
  bool operator==(const Box&) const = default;
};

inline float intersection(const Box& a, const Box& b) {
  const float w = std::min(a.right, b.right) - std::max(a.left, b.left);
  const float h = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  return w > 0 && h > 0 ? w * h : 0;
}

// Intersection over union; 0 if both are empty.
inline float iou(const Box& a, const Box& b) {
  const float shared = intersection(a, b), all = a.area() + b.area() - shared;
  return all > 0 ? shared / all : 0;
}

inline Box clipped(const Box& b, const Region& region) {
  const auto left = static_cast<float>(region.left), top = static_cast<float>(region.top);
  const float right = left + static_cast<float>(region.width);
  const float bottom = top + static_cast<float>(region.height);
  return {std::clamp(b.left, left, right), std::clamp(b.top, top, bottom),
          std::clamp(b.right, left, right), std::clamp(b.bottom, top, bottom)};
}

inline Box clipped(const Box& b, Size size) {
  return clipped(b, Region{0, 0, size.width, size.height});
}

}  // namespace oko::image

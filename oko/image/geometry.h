#pragma once

#include <algorithm>

namespace oko::image {

struct Size {
  int width = 0, height = 0;
  bool operator==(const Size&) const = default;
};

// Edges in pixels, continuous: a box over the whole picture is {0, 0, width, height}.
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

// Intersection over union; 0 where both are empty.
inline float iou(const Box& a, const Box& b) {
  const float shared = intersection(a, b), all = a.area() + b.area() - shared;
  return all > 0 ? shared / all : 0;
}

inline Box clipped(const Box& b, Size size) {
  const auto w = static_cast<float>(size.width), h = static_cast<float>(size.height);
  return {std::clamp(b.left, 0.F, w), std::clamp(b.top, 0.F, h), std::clamp(b.right, 0.F, w),
          std::clamp(b.bottom, 0.F, h)};
}

}  // namespace oko::image

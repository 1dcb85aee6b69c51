#include "oko/train/ciou.h"

#include <cmath>
#include <numbers>

namespace oko::train {
namespace {

// A value and its derivatives by the four coordinates of the predicted box (forward-mode
// differentiation).
struct Dual {
  double value = 0;
  std::array<double, 4> slope{};
};

Dual combine(double value, const Dual& a, double by_a, const Dual& b, double by_b) {
  Dual r{value, {}};
  for (std::size_t i = 0; i < 4; ++i) r.slope[i] = by_a * a.slope[i] + by_b * b.slope[i];
  return r;
}
Dual operator+(const Dual& a, const Dual& b) { return combine(a.value + b.value, a, 1, b, 1); }
Dual operator-(const Dual& a, const Dual& b) { return combine(a.value - b.value, a, 1, b, -1); }
Dual operator*(const Dual& a, const Dual& b) {
  return combine(a.value * b.value, a, b.value, b, a.value);
}
Dual operator/(const Dual& a, const Dual& b) {
  return combine(a.value / b.value, a, 1 / b.value, b, -a.value / (b.value * b.value));
}
Dual constant(double value) { return {value, {}}; }
Dual min(const Dual& a, const Dual& b) { return a.value < b.value ? a : b; }
Dual max(const Dual& a, const Dual& b) { return a.value > b.value ? a : b; }
Dual atan(const Dual& a) {
  return combine(std::atan(a.value), a, 1 / (1 + a.value * a.value), a, 0);
}
Dual variable(double value, std::size_t index) {
  Dual r{value, {}};
  r.slope[index] = 1;
  return r;
}

}  // namespace

BoxGradient ciou_gradient(const CentredBox& predicted, const CentredBox& truth) {
  constexpr double kEpsilon = 1e-12;  // avoids division by zero for empty boxes
  const Dual half = constant(.5);
  const Dual x = variable(predicted.x, 0), y = variable(predicted.y, 1);
  const Dual w = variable(predicted.w, 2), h = variable(predicted.h, 3);
  const Dual tx = constant(truth.x), ty = constant(truth.y);
  const Dual tw = constant(truth.w), th = constant(truth.h);
  const Dual left = x - half * w, right = x + half * w, top = y - half * h, bottom = y + half * h;
  const Dual t_left = tx - half * tw, t_right = tx + half * tw;
  const Dual t_top = ty - half * th, t_bottom = ty + half * th;

  const Dual zero = constant(0), tiny = constant(kEpsilon);
  const Dual shared_w = max(min(right, t_right) - max(left, t_left), zero);
  const Dual shared_h = max(min(bottom, t_bottom) - max(top, t_top), zero);
  const Dual shared = shared_w * shared_h;
  const Dual iou = shared / (w * h + tw * th - shared + tiny);

  const Dual around_w = max(right, t_right) - min(left, t_left);
  const Dual around_h = max(bottom, t_bottom) - min(top, t_top);
  const Dual diagonal = around_w * around_w + around_h * around_h + tiny;
  const Dual distance = (x - tx) * (x - tx) + (y - ty) * (y - ty);

  const Dual angle = atan(tw / (th + tiny)) - atan(w / (h + tiny));
  const Dual v = constant(4 / (std::numbers::pi * std::numbers::pi)) * angle * angle;
  const Dual alpha = constant(v.value / (1 - iou.value + v.value + kEpsilon));

  const Dual ciou = iou - distance / diagonal - alpha * v;
  return {ciou.value, ciou.slope};
}

}  // namespace oko::train

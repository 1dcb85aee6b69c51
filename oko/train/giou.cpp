#include "oko/train/giou.h"

#include <algorithm>

namespace oko::train {
namespace {

// One dimension of both boxes: what they share, what is around both, and the slopes of these and of
// the predicted length by its low and high side.
struct Span {
  double shared, around, length;
  std::array<double, 2> shared_slope{}, around_slope{}, length_slope{};
};

Span span_of(double low, double high, double truth_low, double truth_high) {
  Span s{};
  const double a = std::max(low, truth_low), b = std::min(high, truth_high);
  s.shared = std::max(0., b - a);
  if (s.shared > 0) {
    s.shared_slope = {low > truth_low ? -1. : 0., high < truth_high ? 1. : 0.};
  }
  s.around = std::max({low, high, truth_high}) - std::min({low, high, truth_low});
  s.around_slope = {low < truth_low && low <= high ? -1. : 0.,
                    high > truth_high && high >= low ? 1. : 0.};
  s.length = std::max(0., high - low);
  if (s.length > 0) s.length_slope = {-1, 1};
  return s;
}

constexpr double kTiny = 1e-9;  // keeps 0 / 0 at 0

}  // namespace

SidesGradient giou_gradient(const image::Box& p, const image::Box& t) {
  const Span x = span_of(p.left, p.right, t.left, t.right);
  const Span y = span_of(p.top, p.bottom, t.top, t.bottom);
  const double truth = double{t.right - t.left} * (t.bottom - t.top);
  const double shared = x.shared * y.shared, area = x.length * y.length;
  const double both = area + truth - shared + kTiny, around = x.around * y.around + kTiny;
  SidesGradient result;
  result.iou = shared / both;
  result.value = result.iou - (around - both) / around;
  const auto slope = [&](double d_shared, double d_area, double d_around) {
    const double d_both = d_area - d_shared;
    const double d_iou = (d_shared * both - shared * d_both) / (both * both);
    return d_iou + (d_both * around - both * d_around) / (around * around);
  };
  for (int side = 0; side < 2; ++side) {
    result.slope[2 * side] = slope(x.shared_slope[side] * y.shared, x.length_slope[side] * y.length,
                                   x.around_slope[side] * y.around);
    result.slope[2 * side + 1] =
        slope(y.shared_slope[side] * x.shared, y.length_slope[side] * x.length,
              y.around_slope[side] * x.around);
  }
  return result;
}

}  // namespace oko::train

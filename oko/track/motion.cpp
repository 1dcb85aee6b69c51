#include "oko/track/motion.h"

#include <algorithm>
#include <cmath>

namespace oko::track {
namespace {

// In proportion to the box's size. How exact boxes are, and what people, cars and hands do between
// two frames; chosen on scenes (scenes_test.cpp) and checked on real ones (bench/tracking).
constexpr double kMeasured = .04;  // standard deviation of a box's edges where the detector is sure
constexpr double kUnsure = 2;      // times that where it is not
constexpr double kWander = .02;    // a second
constexpr double kDisturbance = 2;    // a second³
constexpr double kFirstVelocity = 2;  // standard deviation of the velocity of what is new, a second
constexpr double kVelocityLasts =
    2;  // seconds in which what nobody sees loses most of its velocity

double square(double value) { return value * value; }

}  // namespace

void Coordinate::predict(double seconds, double wander, double disturbance) {
  value += velocity * seconds;
  spread += seconds * (2 * shared + seconds * velocity_spread) + wander * seconds +
            disturbance * seconds * seconds * seconds / 3;
  shared += seconds * velocity_spread + disturbance * seconds * seconds / 2;
  velocity_spread += disturbance * seconds;
}

void Coordinate::correct(double measured, double variance) {
  const double innovation = measured - value, total = spread + variance;
  const double gain = spread / total, velocity_gain = shared / total;
  value += gain * innovation;
  velocity += velocity_gain * innovation;
  velocity_spread -= velocity_gain * shared;
  shared *= 1 - gain;
  spread *= 1 - gain;
}

Motion::Motion(const image::Box& seen) {
  width_.value = seen.width();
  height_.value = seen.height();
  x_.value = (double{seen.left} + seen.right) / 2;
  y_.value = (double{seen.top} + seen.bottom) / 2;
  for (Coordinate* c : {&x_, &y_, &width_, &height_}) {
    c->spread = square(2 * kMeasured * size());
    c->velocity_spread = square(kFirstVelocity * size());
  }
}

double Motion::size() const {
  return std::sqrt(std::max(1., width_.value) * std::max(1., height_.value));
}

void Motion::predict(double seconds) {
  const double area = square(size());
  for (Coordinate* c : {&x_, &y_, &width_, &height_}) {
    c->predict(seconds, kWander * area, kDisturbance * area);
  }
  width_.value = std::max(1., width_.value);
  height_.value = std::max(1., height_.value);
}

void Motion::correct(const image::Box& seen, double trust, double smoothing) {
  const double deviation =
      kMeasured * size() * smoothing * (1 + (kUnsure - 1) * (1 - std::clamp(trust, 0., 1.)));
  x_.correct((double{seen.left} + seen.right) / 2, square(deviation));
  y_.correct((double{seen.top} + seen.bottom) / 2, square(deviation));
  width_.correct(seen.width(), square(deviation));
  height_.correct(seen.height(), square(deviation));
}

void Motion::coast(double seconds) {
  const double kept = std::exp(-seconds / kVelocityLasts);
  x_.velocity *= kept;
  y_.velocity *= kept;
  width_.velocity = height_.velocity = 0;
}

void Motion::shift(double x, double y) {
  x_.value += x;
  y_.value += y;
}

image::Box Motion::box() const {
  const double w = std::max(1., width_.value) / 2, h = std::max(1., height_.value) / 2;
  return {static_cast<float>(x_.value - w), static_cast<float>(y_.value - h),
          static_cast<float>(x_.value + w), static_cast<float>(y_.value + h)};
}

}  // namespace oko::track

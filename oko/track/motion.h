#pragma once

#include "oko/image/geometry.h"

namespace oko::track {

// Where a coordinate is and how fast it changes, from measurements that scatter: a Kalman filter of
// two states, for constant velocity disturbed by random accelerations.
struct Coordinate {
  double value = 0, velocity = 0;  // pixels, pixels a second
  double spread = 0;               // variance of the value
  double shared = 0;               // covariance of both
  double velocity_spread = 0;      // variance of the velocity

  // `wander`: how the variance of the value grows, pixels² a second. `disturbance`: that of the
  // velocity, pixels² a second³.
  void predict(double seconds, double wander, double disturbance);
  void correct(double measured, double variance);
};

// A box that moves. Its centre and its sides are filtered each by itself, with noise in proportion
// to the box's size: what is near and large moves over more pixels and is found less exactly.
class Motion {
 public:
  explicit Motion(const image::Box& seen);
  void predict(double seconds);
  // `trust` from 0 to 1: a detector's boxes are less exact where it is less sure, as of objects
  // that are partly hidden. `smoothing`: how much longer than usual the past counts.
  void correct(const image::Box& seen, double trust, double smoothing);
  // Nobody saw it: it is less and less likely to go on as it did, and its size is kept.
  void coast(double seconds);
  void shift(double x, double y);  // with the camera, pixels

  image::Box box() const;
  double x() const { return x_.value; }
  double y() const { return y_.value; }
  double velocity_x() const { return x_.velocity; }
  double velocity_y() const { return y_.velocity; }
  double size() const;  // pixels: of a square of the same area

 private:
  Coordinate x_, y_, width_, height_;
};

}  // namespace oko::track

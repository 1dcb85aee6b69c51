#pragma once

#include "oko/image/geometry.h"

namespace oko::detect {

// IoU, less a part of the distance between the centres (DIoU) where `diou_exponent`, that of
// graph::Network, is not 0.
float overlap(const image::Box& a, const image::Box& b, float diou_exponent);

}  // namespace oko::detect

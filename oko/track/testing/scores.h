#pragma once

#include <cstdint>
#include <vector>

#include "oko/track/testing/clip.h"

namespace oko::track {

// What a tracker says of a frame.
struct Claim {
  std::uint64_t id = 0;
  int class_id = 0;
  image::Box box;
};

struct Scores {
  int boxes = 0;              // of the truth
  int missed = 0, wrong = 0;  // false negatives and positives
  int switches = 0;           // times that an object got another id
  double mota = 0;  // 1 − (missed + wrong + switches) / boxes (Bernardin and Stiefelhagen 2008)
  double idf1 = 0;  // F1 of the best one-to-one relation of objects to ids (Ristani et al. 2016)
};

// `claims`: one list a frame. Boxes fit where their IoU is .5 or more and the class is right.
// Objects that can hardly be seen need not be found, but may be.
Scores score(const Clip& clip, const std::vector<std::vector<Claim>>& claims);

}  // namespace oko::track

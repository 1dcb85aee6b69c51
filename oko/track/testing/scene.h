#pragma once

#include <string>
#include <vector>

#include "oko/track/testing/clip.h"

namespace oko::track {

// A scene of discs and boxes that move, drawn one over another, so that what is hidden by what is
// known for every pixel.
struct Scene {
  std::string name;
  int objects = 8;
  int classes = 1;
  double smallest = .08, largest = .2;  // height of objects, of the picture's
  double speed = .25;                   // pictures' heights a second
  double turning = .5;                  // how much a velocity changes in a second
  int pillars = 0;                      // that stand before everything
  double camera = 0;                    // how fast the camera moves to and fro
  double jerks = 0;                     // of the camera, a second
  double frames_per_second = 30;
  double seconds = 20;
};

// Ten of them: a few and many objects, occlusions, a moving camera, few frames a second.
const std::vector<Scene>& scenes();

// The same for a seed everywhere.
Clip rendered(const Scene& scene, std::uint64_t seed, const Detecting& detecting = {});

constexpr image::Size kSceneSize{640, 360};

}  // namespace oko::track

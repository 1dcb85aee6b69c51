#pragma once

#include <string>
#include <vector>

#include "oko/cli/detector_arguments.h"

namespace oko::cli {

struct DetectArguments {
  DetectorArguments detector;
  std::vector<std::string> sources, class_thresholds;
  std::string out, csv;
};

bool is_camera(const std::string& source);
bool is_clip(const std::string& source);  // a camera, too

// An image, clip or camera, and where its drawn result goes: "" without --out.
struct DetectSource {
  std::string uri, target;
};

// What the arguments name, folders replaced by the images and clips in them. Two sources of one
// name get different results. Throws an input Error for what is not there, a usage Error where a
// result would be written over an input.
std::vector<DetectSource> detect_sources(const DetectArguments& arguments);

}  // namespace oko::cli

#pragma once

#include <string>
#include <vector>

#include "oko/cli/detect_track.h"
#include "oko/cli/detector_arguments.h"

namespace oko::cli {

struct DetectArguments {
  DetectorArguments detector;
  std::vector<std::string> sources, class_thresholds;
  std::string out, csv;
  TrackArguments track;
};

bool is_camera(const std::string& source);
bool is_clip(const std::string& source);  // also true for a camera

// An image, clip or camera, and where its drawing goes: "" without --out.
struct DetectSource {
  std::string uri, target;
};

// The sources that the arguments name, folders replaced by the images and clips in them. Two
// sources with the same name get different output names. Throws an input Error for a missing
// source, a usage Error if a result would overwrite an input.
std::vector<DetectSource> detect_sources(const DetectArguments& arguments);

}  // namespace oko::cli

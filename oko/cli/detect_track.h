#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "oko/base/json.h"
#include "oko/detect/detection.h"
#include "oko/image/frame.h"
#include "oko/track/tracker.h"

namespace oko::cli {

// What `oko detect --track` was asked for.
struct TrackArguments {
  bool track = false;
  std::vector<std::string> lines, zones;  // "x,y,x,y…" in pixels
};

void add_track_arguments(CLI::App& command, TrackArguments& arguments);

// Follows the objects of one clip, and counts at the lines and in the zones.
class ClipTracker {
 public:
  // Throws a usage Error for lines and zones that are none.
  explicit ClipTracker(const TrackArguments& arguments);

  // What the detector has to find for it.
  static detect::Thresholds searched(const detect::Thresholds& thresholds);
  // Replaces detections by the objects that are seen, and gives their ids.
  std::vector<std::uint64_t> follow(std::vector<detect::Detection>& detections,
                                    const detect::Thresholds& thresholds, double seconds);
  // The lines and zones with what was counted so far.
  void draw(image::Picture& picture) const;
  std::string summary() const;  // "12 objects; line 1: 3 in, 1 out; zone 1: 5 in, 4 out, 1 inside"
  Json json() const;

 private:
  struct Shape {
    std::vector<track::Point> corners;
    int counter = 0;
    std::string name;  // "line 1"
    bool is_line() const { return corners.size() == 2; }
  };
  track::Tracker tracker_;
  std::vector<Shape> shapes_;
  std::uint64_t objects_ = 0;
};

}  // namespace oko::cli
